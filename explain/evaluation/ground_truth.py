"""Ground truth: does a method point to the word that is known to decide the answer?

After Arras et al., 2025 (arXiv:2502.15886), for subject-verb agreement, and tests with planted keywords. The pointing game is that of
Zhang et al., 2018 (doi:10.1007/s11263-017-1059-x); mass accuracy that of Arras et al., 2022 (arXiv:2003.07258), of absolute scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.errors import InputError
from explain.evaluation.evidence import EvidenceItem, evidence_items
from explain.evaluation.features import features_of
from explain.evaluation.labels import Labelled, MethodLabel, labels_of
from explain.intervals import SAMPLES, Interval, bootstrap, ranks
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.perturbation import Granularity
from explain.results import Explanation
from explain.tokens import sum_over
from explain.types import Array

if TYPE_CHECKING:
    from explain.analysis import Analysis
    from explain.explainer import TokenExplainer


@dataclass(frozen=True)
class ExaminedItem(Labelled):
    """One sentence.

    Attributes:
        item: The sentence and its evidence.
        correct: Whether the model prefers the right answer here and in the other sentence of the pair, where the evidence alone is
            another: only then is it known to have decided, and only then is anything counted.
        words: How many words there are to choose from.
        labels: The methods; none where nothing is counted.
        pointing_game: Method -> 1 if the word with the highest score is the evidence, 1/k if k words share the highest score, else 0.
        mass_accuracy: Method -> the evidence's share of all absolute scores.
    """

    item: EvidenceItem
    correct: bool
    words: int
    labels: tuple[MethodLabel, ...]
    pointing_game: Mapping[str, float]
    mass_accuracy: Mapping[str, float]


@dataclass(frozen=True)
class GroundTruth(Labelled):
    """Means over the sentences of the pairs that the model answers correctly, with bootstrap intervals over them.

    Attributes:
        labels: The methods.
        sentences: How many there are.
        correct: How many stand in pairs that the model answers correctly.
        chance: What a random order reaches in the pointing game.
        pointing_game: Method -> how often the highest score is on the evidence.
        mass_accuracy: Method -> the evidence's share of all absolute scores.
        rank: Method -> rank by `pointing_game`; methods that the sentences cannot tell apart may share one.
    """

    labels: tuple[MethodLabel, ...]
    sentences: int
    correct: int
    chance: float
    pointing_game: Mapping[str, Interval]
    mass_accuracy: Mapping[str, Interval]
    rank: Mapping[str, int]

    @classmethod
    def of(cls, results: Sequence[ExaminedItem], *, samples: int = SAMPLES, seed: int = 0) -> GroundTruth:
        """The means over what was examined.

        Raises:
            InputError: The model answered no pair correctly.
        """
        counted = [result for result in results if result.correct]
        if not counted:
            raise InputError(
                f"The model answered none of the pairs among {len(results)} sentences correctly, so no word is known to have decided an "
                "answer, and methods cannot be judged by it."
            )
        names = counted[0].methods
        pointing = {name: np.array([result.pointing_game[name] for result in counted]) for name in names}
        mass = {name: np.array([result.mass_accuracy[name] for result in counted]) for name in names}
        return cls(
            labels=counted[0].labels,
            sentences=len(results),
            correct=len(counted),
            chance=float(np.mean([1 / result.words for result in counted])),
            pointing_game={name: bootstrap(values, samples=samples, seed=seed) for name, values in pointing.items()},
            mass_accuracy={name: bootstrap(values, samples=samples, seed=seed) for name, values in mass.items()},
            rank=ranks(pointing, samples=samples, seed=seed),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "sentences": self.sentences,
            "correct": self.correct,
            "chance": self.chance,
            "methods": {
                name: {
                    "title": title,
                    "pointing_game": self.pointing_game[name].to_dict(),
                    "mass_accuracy": self.mass_accuracy[name].to_dict(),
                    "rank": self.rank[name],
                }
                for name, title in self.titles.items()
            },
        }


def iter_ground_truth(
    explainer: TokenExplainer,
    methods: Iterable[str | Method],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    items: Sequence[EvidenceItem] | None = None,
) -> Iterator[ExaminedItem]:
    """Every sentence explained by every method, one after the other. The arguments are those of `ground_truth`."""
    chosen = make_methods(methods, options)
    given = evidence_items(explainer.model) if items is None else items
    wrong = {item.pair for item in given if not _correct(explainer.ask(item.question), item)}
    for item in given:
        counted = () if item.pair in wrong else chosen
        analysis = explainer.ask(item.question, methods=counted)
        yield _examined(analysis.explanation([analysis.run(method) for method in counted]), item, item.pair not in wrong)


def ground_truth(
    explainer: TokenExplainer, methods: Iterable[str | Method], *, samples: int = SAMPLES, seed: int = 0, **more: Any
) -> GroundTruth:
    """How often each method points to the word that is known to decide the answer.

    Scores are summed over the tokens of a word; special tokens are left out. The highest score is the largest towards the target; for
    methods without a sign the largest.

    Args:
        explainer: The model and its task.
        methods: Names or methods.
        samples: Bootstrap samples.
        seed: Of the bootstrap.
        more: `options` of methods given by name, and `items`, sentences of one's own (`EvidenceItem`); those of `evidence_items` if left
            out.

    Raises:
        UnsupportedError: There are no sentences for this model, or a method cannot explain it.
        TargetError: The model does not know the verbs as single words.
        InputError: The model answered no pair correctly.
    """
    return GroundTruth.of(list(iter_ground_truth(explainer, methods, **more)), samples=samples, seed=seed)


def _correct(analysis: Analysis, item: EvidenceItem) -> bool:
    score = analysis.scores[0]
    if item.foil is None:
        return analysis.prediction.candidates[0].index == score.target.index
    return score.value() > 0


def _examined(explanation: Explanation, item: EvidenceItem, correct: bool) -> ExaminedItem:
    groups = features_of(explanation, Granularity.WORDS)
    tokens = explanation.tokens
    evidence = np.array([any(tokens[i].start < item.end and tokens[i].end > item.start for i in group.indices) for group in groups])
    scores = {a.method: sum_over(groups, a.scores) for a in explanation}
    return ExaminedItem(
        item,
        correct,
        len(groups),
        labels_of(explanation),
        {name: _pointing(values, evidence) for name, values in scores.items()},
        {name: _mass(values, evidence) for name, values in scores.items()},
    )


def _pointing(values: Array, evidence: Array) -> float:
    highest = values == values.max()
    return float(evidence[highest].sum() / highest.sum())


def _mass(values: Array, evidence: Array) -> float:
    total = np.abs(values).sum()
    return float(np.abs(values[evidence.astype(bool)]).sum() / total) if total else 0.0
