"""Two prompts that differ a little: what changed in the text, in the prediction and in the attribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from explain.errors import InputError
from explain.evaluation.labels import Labelled, MethodLabel, labels_of
from explain.prompts.alignment import Alignment, align, aligned_scores
from explain.prompts.comparison import same_question, score_of
from explain.results import Explanation
from explain.types import Array, Prediction, Target, Unit, listed


class Change(StrEnum):
    """What happened to a word from the first prompt to the second."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True)
class CandidateChange:
    """A candidate answer's probability in both prompts; NaN where it is not among those that are named."""

    index: int
    text: str
    first: float
    second: float


@dataclass(frozen=True)
class MinimalPair(Labelled):
    """What changed from the first prompt to the second.

    Attributes:
        texts: Both prompts.
        alignment: Their words in common columns.
        changes: One per column.
        predictions: What the model says to each.
        targets: What is explained in each.
        unit: Of the scores.
        same_question: Whether both explain the same target and foil in the same unit. If not, their scores are not comparable.
        candidates: All that are named in a prediction, the targets among them, the most probable first.
        scores: The explained scores.
        attributions: Method -> [2, columns] word scores, NaN for gaps.
        differences: Method -> [columns] second minus first, where a word that is not there counts 0, so that they sum to the difference of
            the sums. NaN where the question is not the same, unless the method does not depend on it.
        labels: The methods.
    """

    texts: tuple[str, str]
    alignment: Alignment
    changes: tuple[Change, ...]
    predictions: tuple[str, str]
    targets: tuple[Target, Target]
    unit: Unit
    same_question: bool
    candidates: tuple[CandidateChange, ...]
    scores: tuple[float, float]
    attributions: Mapping[str, Array]
    differences: Mapping[str, Array]
    labels: tuple[MethodLabel, ...]

    @property
    def score_change(self) -> float:
        """Second score minus first; NaN where the question is not the same."""
        return self.scores[1] - self.scores[0] if self.same_question else float("nan")

    def words(self, change: Change) -> tuple[str, ...]:
        """The words that were kept, removed or added, special tokens left out."""
        columns = zip(self.alignment.labels, self.alignment.special, self.changes, strict=True)
        return tuple(label for label, special, found in columns if found is change and not special)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "texts": list(self.texts),
            "words": list(self.alignment.labels),
            "special": list(self.alignment.special),
            "changes": [change.value for change in self.changes],
            "predictions": list(self.predictions),
            "targets": [vars(target) for target in self.targets],
            "unit": self.unit.value,
            "same_question": self.same_question,
            "candidates": [{**vars(c), "first": listed(np.array(c.first)), "second": listed(np.array(c.second))} for c in self.candidates],
            "scores": list(self.scores),
            "score_change": listed(np.array(self.score_change)),
            "titles": self.titles,
            "attributions": {method: listed(values) for method, values in self.attributions.items()},
            "differences": {method: listed(values) for method, values in self.differences.items()},
        }


def minimal_pair(first: Explanation, second: Explanation) -> MinimalPair:
    """What changed from one explained prompt to another.

    Raises:
        InputError: The prompts were explained by different models or methods.
    """
    methods = [a.method for a in first]
    if (first.model, first.task, methods) != (second.model, second.task, [a.method for a in second]):
        raise InputError("The two prompts were explained by different models or methods. Explain both with the same ones.")
    both = (first, second)
    alignment = align(both)
    there = alignment.matrix >= 0
    same = same_question(first, second)
    attributions = {method: aligned_scores(both, method, alignment=alignment) for method in methods}
    differences = {}
    for method, values in attributions.items():
        known = same or first[method].target_blind
        differences[method] = np.diff(np.nan_to_num(values), axis=0)[0] if known else np.full(len(alignment.labels), np.nan)
    return MinimalPair(
        texts=(first.text, second.text),
        alignment=alignment,
        changes=tuple(Change.KEPT if a and b else Change.REMOVED if a else Change.ADDED for a, b in there.T),
        predictions=(first.prediction.text, second.prediction.text),
        targets=(first.target, second.target),
        unit=first.unit,
        same_question=same,
        candidates=_candidates(both),
        scores=(score_of(first), score_of(second)),
        attributions=attributions,
        differences=differences,
        labels=labels_of(first),
    )


def _candidates(both: tuple[Explanation, Explanation]) -> tuple[CandidateChange, ...]:
    """Answers at one position; of a sequence task the first output token, of which its target may be another."""
    named = [_named(e.prediction, *(() if e.outputs else (target for target in (e.target, e.foil) if target))) for e in both]
    first, second = named
    texts = {index: target.text for side in named for index, target in side.items()}
    changes = [
        CandidateChange(index, text, _probability(first.get(index)), _probability(second.get(index))) for index, text in texts.items()
    ]
    return tuple(sorted(changes, key=lambda c: -np.nanmax([c.first, c.second, 0.0])))


def _named(prediction: Prediction, *more: Target) -> dict[int, Target]:
    return {target.index: target for target in (*prediction.candidates, *more)}


def _probability(target: Target | None) -> float:
    return float("nan") if target is None or target.probability is None else target.probability
