"""Agreement: how alike the methods' rankings of the tokens are, and the attention of every head with each of them.

Agreement is not quality: two methods may agree and both be wrong, or disagree and both be right about different things (Neely et al.,
2021, arXiv:2105.03287; Krishna et al., 2022, arXiv:2202.01602).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from scipy import stats

from explain.errors import InputError
from explain.intervals import SAMPLES, Interval, bootstrap
from explain.results import Attribution, Explanation
from explain.tokens import Word, sum_over, words
from explain.types import Array, Family, listed


class Measure(StrEnum):
    """How two methods' scores are compared."""

    KENDALL = "kendall"
    SPEARMAN = "spearman"
    TOP_K = "top_k"
    COSINE = "cosine"


@dataclass(frozen=True)
class Agreement:
    """Pairwise agreement of the methods on one text; internal methods come first.

    Attributes:
        methods: Their names.
        families: Internal or external, one per method.
        players: The tokens or words compared.
        k: How many tokens count as the top for `top_k`.
        matrices: Measure -> [methods, methods]; NaN where a ranking does not exist because all scores are equal.
    """

    methods: tuple[str, ...]
    families: tuple[Family, ...]
    players: tuple[str, ...]
    k: int
    matrices: Mapping[Measure, Array]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "methods": list(self.methods),
            "families": [family.value for family in self.families],
            "players": list(self.players),
            "k": self.k,
            **{measure.value: listed(matrix) for measure, matrix in self.matrices.items()},
        }


@dataclass(frozen=True)
class MeanAgreement:
    """Agreement averaged over texts.

    Attributes:
        methods: Their names.
        families: Internal or external, one per method.
        texts: How many.
        matrices: Measure -> mean and bootstrap interval over the texts, [methods, methods] each.
    """

    methods: tuple[str, ...]
    families: tuple[Family, ...]
    texts: int
    matrices: Mapping[Measure, Interval]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "methods": list(self.methods),
            "families": [family.value for family in self.families],
            "texts": self.texts,
            **{measure.value: interval.to_dict() for measure, interval in self.matrices.items()},
        }


def agreement(explanation: Explanation, *, k: int | None = None, merge_words: bool = False) -> Agreement:
    """Kendall's tau-b, Spearman's rho, top-k overlap and cosine between all pairs of methods of one explanation.

    Special tokens are left out. Where one of the two methods has no sign, the other's absolute scores are compared with it; two signed
    methods are compared with their signs. The top k are those with the largest absolute scores; ties at the k-th place count in
    the shares in which they fill it, so that the overlap does not depend on the order of the tokens.

    Args:
        explanation: With at least two methods.
        k: Size of the top; a quarter of the tokens (at least one) if left out.
        merge_words: Compare words (sums of their tokens' scores) instead of tokens.

    Raises:
        InputError: There are fewer than two methods or fewer than two tokens, or k is out of bounds.
    """
    attributions = ordered(explanation)
    if len(attributions) < 2:
        raise InputError(f"Agreement compares methods: choose at least two, got {len(attributions)}.")
    groups = players_of(explanation, merge_words=merge_words)
    if len(groups) < 2:
        raise InputError("Agreement compares rankings of tokens: the text needs at least two.")
    size = max(1, round(len(groups) / 4)) if k is None else k
    if not 1 <= size <= len(groups):
        raise InputError(f"k must be between 1 and the number of tokens ({len(groups)}), got {k}.")
    scores = [sum_over(groups, a.scores) for a in attributions]
    matrices = {measure: np.eye(len(attributions)) for measure in Measure}
    for row, first in enumerate(attributions):
        for column in range(row + 1):
            signed = first.signed and attributions[column].signed
            one, other = (values if signed else np.abs(values) for values in (scores[row], scores[column]))
            for measure in Measure:
                value = overlap(one, other, size) if measure is Measure.TOP_K else SIMILARITIES[measure](one, other)
                matrices[measure][row, column] = matrices[measure][column, row] = value
    return Agreement(
        tuple(a.method for a in attributions),
        tuple(a.family for a in attributions),
        tuple(group.text for group in groups),
        size,
        matrices,
    )


def mean_agreement(results: Sequence[Agreement], *, samples: int = SAMPLES, seed: int = 0) -> MeanAgreement:
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
    return MeanAgreement(first.methods, first.families, len(results), matrices)


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


def players_of(explanation: Explanation, *, merge_words: bool) -> tuple[Word, ...]:
    """The tokens or words that are compared: all but special ones."""
    if merge_words:
        return tuple(word for word in words(explanation.tokens, explanation.text) if not word.special)
    return tuple(Word((i,), t.label, t.before, False) for i, t in enumerate(explanation.tokens) if not t.special)


def kendall(first: Array, second: Array) -> float:
    """Kendall's tau-b; NaN if one side is constant."""
    return float("nan") if _constant(first, second) else float(stats.kendalltau(first, second).statistic)


def spearman(first: Array, second: Array) -> float:
    """Spearman's rho; NaN if one side is constant."""
    return float("nan") if _constant(first, second) else float(stats.spearmanr(first, second).statistic)


def cosine(first: Array, second: Array) -> float:
    """Cosine of the angle between two score vectors; NaN if one is zero."""
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length else float("nan")


def overlap(first: Array, second: Array, k: int) -> float:
    """Share of the k tokens with the largest absolute scores that two methods have in common."""
    return float(np.minimum(_top(first, k), _top(second, k)).sum()) / k


def _top(scores: Array, k: int) -> Array:
    """1 for the k largest absolute scores; those tied at the k-th place share what is left of k."""
    size = np.abs(scores)
    last = np.sort(size)[-k]
    above, tied = size > last, size == last
    return np.where(above, 1.0, np.where(tied, (k - above.sum()) / tied.sum(), 0.0))


def _constant(first: Array, second: Array) -> bool:
    return bool(np.ptp(first) == 0 or np.ptp(second) == 0)


SIMILARITIES: Mapping[Measure, Callable[[Array, Array], float]] = {
    Measure.KENDALL: kendall,
    Measure.SPEARMAN: spearman,
    Measure.COSINE: cosine,
}
