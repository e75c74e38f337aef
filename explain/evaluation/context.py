"""Which part of a prompt made the model say that: segments x sentences of the answer, and how far each method can be believed there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.errors import InputError
from explain.evaluation.answer import Sentence, sentences_of
from explain.evaluation.surrogate import ablations, sparse_linear
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.methods.occlusion import Occlusion
from explain.methods.shapley import Shapley
from explain.models.perturbation import Keep, PerturbedScore, Replacement
from explain.segments import Granularity, groups_of, label_of
from explain.similarity import spearman
from explain.tokens import Word, sum_over
from explain.types import Array, Asked, listed

if TYPE_CHECKING:
    import pandas as pd

    from explain.analysis import Analysis
    from explain.explainer import TokenExplainer

METHODS = ("lrp", "integrated_gradients", "shap", "occlusion")
SURROGATE = "sparse_linear"
TITLE = "Sparse linear surrogate"
TOP = (1, 3, 5)
FITTED, HELD_OUT, FEWEST = 64, 32, 4


@dataclass(frozen=True)
class ContextScores:
    """What one method says of every segment for every sentence, and how far the answer follows.

    Attributes:
        title: What a person reads for the method.
        scores: [segments, sentences], in units of the score where the method is.
        drops: k -> how much the score of each sentence falls when the k segments with the largest scores go [sentences].
        correlation: Linear datamodelling score [sentences]: Spearman's correlation of the summed scores of what is kept with the score
            itself, over random ablations that no method has seen (Park et al., 2023, arXiv:2303.14186). NaN where one is constant, or
            for fewer than four ablations.
    """

    title: str
    scores: Array
    drops: Mapping[int, Array]
    correlation: Array


@dataclass(frozen=True)
class ContextAttribution:
    """Segments of a prompt x sentences of the answer.

    Attributes:
        granularity: What the segments are.
        segments: Those that come and go, in the order of the prompt.
        sentences: Of the answer.
        methods: What each method says; last the sparse linear surrogate, which asked most.
        held_out: Random ablations on which the methods are judged.
        inputs: Different prompts that were judged for it.
        seconds: Wall-clock time.
    """

    granularity: Granularity
    segments: tuple[Word, ...]
    sentences: tuple[str, ...]
    methods: Mapping[str, ContextScores]
    held_out: int
    inputs: int
    seconds: float

    def __getitem__(self, method: str) -> ContextScores:
        return self.methods[method]

    @property
    def labels(self) -> list[str]:
        """A short name of each segment."""
        return [label_of(segment) for segment in self.segments]

    def leader(self, method: str, sentence: int | None = None) -> int:
        """The number of the segment that counts most for a sentence, or for the whole answer."""
        scores = self[method].scores
        return int((scores.sum(1) if sentence is None else scores[:, sentence]).argmax())

    def to_frame(self, method: str) -> pd.DataFrame:
        """One row per segment, one column per sentence."""
        import pandas as pd

        return pd.DataFrame(self[method].scores, index=pd.Index(self.labels, name="segment"), columns=list(self.sentences))

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; what is not defined is `None`."""
        return {
            "granularity": self.granularity.value,
            "segments": [{"label": label_of(segment), "text": segment.text, "tokens": list(segment.indices)} for segment in self.segments],
            "sentences": list(self.sentences),
            "methods": {
                name: {
                    "title": found.title,
                    "scores": found.scores.tolist(),
                    "drops": {str(k): drops.tolist() for k, drops in found.drops.items()},
                    "correlation": listed(found.correlation),
                }
                for name, found in self.methods.items()
            },
            "held_out": self.held_out,
            "inputs": self.inputs,
            "seconds": self.seconds,
        }


def attribute_context(
    explainer: TokenExplainer,
    question: Asked,
    methods: Iterable[str | Method] = METHODS,
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    segments: Granularity | str = Granularity.DOCUMENTS,
    replacement: Replacement | str = Replacement.AUTO,
    fitted: int = FITTED,
    held_out: int = HELD_OUT,
    seed: int = 0,
    **asked: Any,
) -> ContextAttribution:
    """Which segments of a chat made the model say each sentence of its answer.

    Every sentence is one score (the sum over its tokens, given the answer before it). Methods that take tokens away take whole segments;
    those of the others are sums. Beside them stands a sparse linear surrogate, fitted to the score of random ablations as ContextCite does
    (Cohen-Wang et al., 2024, arXiv:2409.00729).

    Args:
        explainer: A model for generation that reads chats.
        question: Messages, or a question with them; its target is the answer that is explained, the model's own if left out.
        methods: Names or methods.
        options: Of methods given by name.
        segments: documents, messages, paragraphs, sentences, words, tokens or spans.
        replacement: What takes a segment's place when methods are judged and the surrogate is fitted.
        fitted: Random ablations to which the surrogate is fitted.
        held_out: Random ablations on which all are judged; if there are fewer subsets than both, a third of them.
        seed: Of the ablations.
        asked: Fields of `Question` that the question leaves open, such as documents.

    Raises:
        InputError: The question cannot be asked, or there are fewer than two segments, or too few ablations.
        UnsupportedError: The model reads no chats, or a method cannot explain it.
    """
    chosen = methods_for(make_methods(methods, options), segments)
    return context_attribution(
        explainer.ask(question, **asked),
        chosen,
        segments=segments,
        replacement=replacement,
        fitted=fitted,
        held_out=held_out,
        seed=seed,
    )


def context_attribution(
    analysis: Analysis,
    methods: Sequence[Method],
    *,
    segments: Granularity | str,
    replacement: Replacement | str = Replacement.AUTO,
    fitted: int = FITTED,
    held_out: int = HELD_OUT,
    seed: int = 0,
) -> ContextAttribution:
    """The same for a chat that was read, by methods that take its segments away where they take something away (`methods_for`)."""
    started = time.perf_counter()
    if fitted < FEWEST or held_out < FEWEST:
        raise InputError(f"At least {FEWEST} ablations are needed to fit and to judge, got {fitted} and {held_out}.")
    sentences = sentences_of(analysis.scores[0], analysis.prediction.steps)
    parts = tuple(group for group in groups_of(analysis.scores[0].encoding, segments) if not group.special)
    if len(parts) < 2:
        raise InputError(f"There are {len(parts)} {segments} to compare; at least two are needed. Choose a finer level.")
    drawn = ablations(len(parts), fitted + held_out, np.random.default_rng(seed))
    judged = min(held_out, max(len(drawn) // 3, 2))
    perturbed = [PerturbedScore(sentence.perturbed, parts, Replacement(replacement)) for sentence in sentences]
    values = np.stack([value(drawn) for value in perturbed], axis=1)  # [ablations, sentences]
    tables = {method.name: (method.title, _scores(method, sentences, parts)) for method in methods}
    fits = [
        sparse_linear(drawn[judged:], column[judged:], tokens=sentence.tokens) for sentence, column in zip(sentences, values.T, strict=True)
    ]
    tables[SURROGATE] = TITLE, np.stack(fits, axis=1)
    return ContextAttribution(
        granularity=Granularity(segments),
        segments=parts,
        sentences=tuple(sentence.text for sentence in sentences),
        methods={
            name: ContextScores(
                title,
                scores,
                {k: _drops(scores, perturbed, k) for k in TOP if k < len(parts) or k == 1},
                _correlation(scores, drawn[:judged], values[:judged]),
            )
            for name, (title, scores) in tables.items()
        },
        held_out=judged,
        inputs=len(drawn),
        seconds=time.perf_counter() - started,
    )


def methods_for(methods: Iterable[Method], segments: Granularity | str) -> list[Method]:
    """The methods as they take whole segments away."""
    return [_by_segments(method, Granularity(segments)) for method in methods]


def _by_segments(method: Method, segments: Granularity) -> Method:
    if isinstance(method, Shapley):
        return replace(method, players=segments)
    return replace(method, granularity=segments) if isinstance(method, Occlusion) else method


def _scores(method: Method, sentences: Sequence[Sentence], parts: Sequence[Word]) -> Array:
    """A method's scores [segments, sentences]."""
    removing = isinstance(method, Shapley | Occlusion)
    found = [method.attribute(sentence.perturbed if removing else sentence.score).scores for sentence in sentences]
    return np.stack([sum_over(parts, scores) for scores in found], axis=1)


def _correlation(scores: Array, keep: Keep, values: Array) -> Array:
    """Rank correlation of the summed scores of what is kept with the score of each sentence [sentences]."""
    if len(keep) < FEWEST:
        return np.full(scores.shape[1], np.nan)
    return np.array([spearman(keep @ mine, own) for mine, own in zip(scores.T, values.T, strict=True)])


def _drops(scores: Array, perturbed: Sequence[PerturbedScore], k: int) -> Array:
    """How much each sentence's score falls without the k segments with its largest scores [sentences]."""
    found = []
    for own, value in zip(scores.T, perturbed, strict=True):
        keep = np.ones((2, len(own)), dtype=bool)
        keep[1, np.argsort(-own, kind="stable")[:k]] = False
        whole, without = value(keep)
        found.append(whole - without)
    return np.array(found)
