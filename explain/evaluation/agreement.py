"""Agreement: how alike the methods' rankings of the tokens are, and the attention of every head with each of them.

Agreement is not quality: two methods may agree and both be wrong, or disagree and both be right about different things (Neely et al.,
2021, arXiv:2105.03287; Krishna et al., 2022, arXiv:2202.01602).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.errors import InputError
from explain.evaluation.features import features_of
from explain.evaluation.labels import Labelled, MethodLabel, labels_of
from explain.evaluation.texts import iter_explanations
from explain.intervals import SAMPLES, Interval, bootstrap
from explain.methods.method import Method
from explain.models.perturbation import Granularity
from explain.results import Attribution, Explanation
from explain.similarity import cosine, kendall, overlap, spearman
from explain.tokens import sum_over
from explain.types import Array, Family, Question, listed

if TYPE_CHECKING:
    from explain.explainer import TokenExplainer


class Measure(StrEnum):
    """How two methods' scores are compared."""

    KENDALL = "kendall"
    SPEARMAN = "spearman"
    TOP_K = "top_k"
    COSINE = "cosine"


@dataclass(frozen=True)
class Agreement(Labelled):
    """Pairwise agreement of the methods on one text; internal methods come first.

    Attributes:
        labels: The methods.
        features: The tokens or words compared.
        k: How many of them count as the top for `top_k`.
        matrices: Measure -> [methods, methods]; NaN where a ranking does not exist because all scores are equal.
    """

    labels: tuple[MethodLabel, ...]
    features: tuple[str, ...]
    k: int
    matrices: Mapping[Measure, Array]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            **_methods(self),
            "features": list(self.features),
            "k": self.k,
            **{measure.value: listed(matrix) for measure, matrix in self.matrices.items()},
        }


@dataclass(frozen=True)
class MeanAgreement(Labelled):
    """Agreement averaged over texts.

    Attributes:
        labels: The methods.
        texts: How many.
        matrices: Measure -> mean and bootstrap interval over the texts, [methods, methods] each.
    """

    labels: tuple[MethodLabel, ...]
    texts: int
    matrices: Mapping[Measure, Interval]

    @classmethod
    def of(cls, results: Sequence[Agreement], *, samples: int = SAMPLES, seed: int = 0) -> MeanAgreement:
        """The agreement of the same methods averaged over several texts, with bootstrap intervals over the texts.

        A pair that has no ranking on a text counts as no agreement (0) there.

        Raises:
            InputError: There is no text, or the methods differ from text to text.
        """
        if not results:
            raise InputError("There are no texts to average over. Give at least one.")
        first = results[0]
        if any(result.methods != first.methods for result in results):
            raise InputError("The texts were explained by different methods. Explain each with the same ones.")
        matrices = {
            measure: bootstrap(np.nan_to_num(np.stack([result.matrices[measure] for result in results])), samples=samples, seed=seed)
            for measure in Measure
        }
        return cls(first.labels, len(results), matrices)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            **_methods(self),
            "texts": self.texts,
            **{measure.value: interval.to_dict() for measure, interval in self.matrices.items()},
        }


def agreement(explanation: Explanation, *, k: int | None = None, granularity: Granularity = Granularity.TOKENS) -> Agreement:
    """Kendall's tau-b, Spearman's rho, top-k overlap and cosine between all pairs of methods of one explanation.

    Special tokens are left out. Where one of the two methods has no sign, the other's absolute scores are compared with it; two signed
    methods are compared with their signs. The top k are those with the largest absolute scores; ties at the k-th rank count in
    the shares in which they fill it, so that the overlap does not depend on the order of the tokens.

    Args:
        explanation: With at least two methods.
        k: Size of the top; a quarter of the features (at least one) if left out.
        granularity: Compare tokens, or words (sums of their tokens' scores).

    Raises:
        InputError: There are fewer than two methods or fewer than two features, or k is out of bounds.
    """
    attributions = ordered(explanation)
    if len(attributions) < 2:
        raise InputError(f"Agreement compares methods: choose at least two, got {len(attributions)}.")
    features = features_of(explanation, granularity)
    if len(features) < 2:
        raise InputError(f"Agreement compares rankings of {granularity}: the text needs at least two.")
    size = max(1, round(len(features) / 4)) if k is None else k
    if not 1 <= size <= len(features):
        raise InputError(f"k must be between 1 and the number of {granularity} ({len(features)}), got {k}.")
    scores = [sum_over(features, a.scores) for a in attributions]
    matrices = {measure: np.eye(len(attributions)) for measure in Measure}
    for row, first in enumerate(attributions):
        for column in range(row + 1):
            signed = first.signed and attributions[column].signed
            one, other = (values if signed else np.abs(values) for values in (scores[row], scores[column]))
            for measure in Measure:
                value = overlap(one, other, size) if measure is Measure.TOP_K else SIMILARITIES[measure](one, other)
                matrices[measure][row, column] = matrices[measure][column, row] = value
    return Agreement(labels_of(attributions), tuple(feature.text for feature in features), size, matrices)


def iter_agreement(
    explainer: TokenExplainer,
    texts: Iterable[str | Question],
    methods: Iterable[str | Method],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    k: int | None = None,
    granularity: Granularity = Granularity.TOKENS,
    **asked: Any,
) -> Iterator[Agreement]:
    """The agreement on every text, one whole text after the other. The arguments are those of `evaluate_agreement`."""
    for _, explanation in iter_explanations(explainer, texts, methods, options=options, **asked):
        yield agreement(explanation, k=k, granularity=granularity)


def evaluate_agreement(
    explainer: TokenExplainer,
    texts: Iterable[str | Question],
    methods: Iterable[str | Method],
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    **more: Any,
) -> MeanAgreement:
    """How far the methods agree, averaged over texts, with bootstrap intervals over them.

    Args:
        explainer: What to ask.
        texts: Texts or questions; of a sequence task the output token `step` is explained, the last if left out.
        methods: At least two, names or methods.
        samples: Bootstrap samples.
        seed: Of the bootstrap.
        more: `options` of methods given by name, `k` and `granularity` as for `agreement`, and fields of `Question` (target, foil, unit,
            position, step) that the texts leave open.

    Raises:
        InputError: A text cannot be explained or compared.
        UnsupportedError: A method cannot explain this model.
    """
    return MeanAgreement.of(list(iter_agreement(explainer, texts, methods, **more)), samples=samples, seed=seed)


def attention_agreement(explanation: Explanation, method: str, *, group: str | None = None) -> Array:
    """Spearman's rho between the attention of every head and a method's absolute scores, [layers, heads].

    Attention is read from the explained position (averaged if there are several), over the tokens that are not special. NaN where
    a head attends to all of them alike.

    Args:
        explanation: With "attention" and the method.
        method: What is compared with attention.
        group: Which attention; for an encoder-decoder cross-attention if left out. An encoder's is averaged over its queries where
            the explained position is the decoder's.

    Raises:
        InputError: The explanation lacks attention, the method or the group, or the group does not attend to the input.
    """
    attention = next((a for a in explanation if a.method == "attention" and a.maps), None)
    compared = next((a for a in explanation if a.method == method), None)
    if attention is None or compared is None:
        missing = "attention" if attention is None else method
        raise InputError(f"This explanation has no {missing}. Add {missing!r} to its methods.")
    chosen = group or ("cross" if "cross" in attention.maps else next(iter(attention.maps)))
    if chosen not in attention.maps or chosen == "decoder":
        raise InputError(f"Attention {chosen!r} does not lead to the input. Choose from: {', '.join(set(attention.maps) - {'decoder'})}.")
    weights = attention.maps[chosen]  # [L, H, q, k]
    below = chosen == "encoder" and "cross" in attention.maps
    rows = weights.mean(2) if below else weights[:, :, list(attention.positions)].mean(2)  # [L, H, k]
    kept = [i for i, token in enumerate(explanation.tokens[: rows.shape[2]]) if not token.special]
    scores = np.abs(compared.scores)[kept]
    return np.array([[spearman(head[kept], scores) for head in layer] for layer in rows])


def ordered(explanation: Explanation) -> tuple[Attribution, ...]:
    """The attributions, internal methods first, else in their order."""
    return tuple(sorted(explanation, key=lambda a: a.family is not Family.INTERNAL))


def _methods(result: Labelled) -> dict[str, Any]:
    return {"methods": list(result.methods), "titles": list(result.titles.values()), "families": [f.value for f in result.families]}


SIMILARITIES: Mapping[Measure, Callable[[Array, Array], float]] = {
    Measure.KENDALL: kendall,
    Measure.SPEARMAN: spearman,
    Measure.COSINE: cosine,
}
