"""Ground-truth scorecard: does a method point to the word that is known to decide the answer?

After Arras et al., 2025 (arXiv:2502.15886), for subject-verb agreement, and tests with planted keywords.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explain.analysis import Analysis
from explain.errors import InputError
from explain.evaluation.agreement import players_of
from explain.evaluation.evidence import Item, items_for
from explain.explainer import TokenExplainer
from explain.intervals import SAMPLES, Interval, bootstrap, places
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.results import Explanation
from explain.tokens import sum_over
from explain.types import Array


@dataclass(frozen=True)
class Examined:
    """One sentence.

    Attributes:
        item: The sentence and its evidence.
        right: Whether the model prefers the right answer here and in the other sentence of the pair, where the evidence alone is
            another: only then is it known to have decided, and only then is anything counted.
        words: How many words there are to choose from.
        top: Method -> 1 if the word with the highest score is the evidence, 1/k if k words share the highest score, else 0.
        mass: Method -> the evidence's share of all absolute scores.
    """

    item: Item
    right: bool
    words: int
    top: Mapping[str, float]
    mass: Mapping[str, float]


@dataclass(frozen=True)
class Scorecard:
    """Means over the sentences of the pairs that the model answers rightly, with bootstrap intervals over them.

    Attributes:
        sentences: How many there are.
        right: How many stand in pairs that the model answers rightly.
        chance: What a random order reaches in `top`.
        top: Method -> how often the highest score is on the evidence.
        mass: Method -> the evidence's share of all absolute scores.
        place: Method -> place by `top`; methods that the sentences cannot tell apart may share one.
    """

    sentences: int
    right: int
    chance: float
    top: Mapping[str, Interval]
    mass: Mapping[str, Interval]
    place: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "sentences": self.sentences,
            "right": self.right,
            "chance": self.chance,
            "methods": {
                name: {"top": self.top[name].to_dict(), "mass": self.mass[name].to_dict(), "place": self.place[name]} for name in self.top
            },
        }


def examine(
    explainer: TokenExplainer,
    methods: Sequence[str | Method],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    items: Sequence[Item] | None = None,
) -> Iterator[Examined]:
    """Every sentence explained by every method, one after the other. Scores are summed over the tokens of a word; special tokens are
    left out. The highest score is the largest towards the target; for methods without a sign the largest.

    Args:
        explainer: The model and its task.
        methods: Names or methods.
        options: Of methods given by name.
        items: Sentences of one's own; those of `items_for` if left out.

    Raises:
        UnsupportedError: There are no sentences for this model, or a method cannot explain it.
        TargetError: The model does not know the verbs as single words.
    """
    chosen = make_methods(methods, options)
    given = items_for(explainer.model) if items is None else items
    asked = [explainer.ask(item.text, target=item.target, foil=item.foil) for item in given]
    wrong = {item.pair for item, analysis in zip(given, asked, strict=True) if not _right(analysis, item)}
    for item, analysis in zip(given, asked, strict=True):
        explanation = analysis.explanation([analysis.run(method) for method in chosen] if item.pair not in wrong else [])
        yield _examined(explanation, item, item.pair not in wrong)


def scorecard(results: Sequence[Examined], *, samples: int = SAMPLES, seed: int = 0) -> Scorecard:
    """The means of what was examined.

    Raises:
        InputError: The model answered no pair rightly.
    """
    counted = [result for result in results if result.right]
    if not counted:
        raise InputError(
            f"The model answered none of the pairs among {len(results)} sentences rightly, so no word is known to have decided an answer, "
            "and methods cannot be judged by it."
        )
    names = list(counted[0].top)
    top = {name: np.array([result.top[name] for result in counted]) for name in names}
    mass = {name: np.array([result.mass[name] for result in counted]) for name in names}
    return Scorecard(
        sentences=len(results),
        right=len(counted),
        chance=float(np.mean([1 / result.words for result in counted])),
        top={name: bootstrap(values, samples=samples, seed=seed) for name, values in top.items()},
        mass={name: bootstrap(values, samples=samples, seed=seed) for name, values in mass.items()},
        place=places(top, samples=samples, seed=seed),
    )


def _right(analysis: Analysis, item: Item) -> bool:
    score = analysis.scores[0]
    if item.foil is None:
        return analysis.prediction.candidates[0].index == score.target.index
    return score.value() > 0


def _examined(explanation: Explanation, item: Item, right: bool) -> Examined:
    groups = players_of(explanation, merge_words=True)
    tokens = explanation.tokens
    evidence = np.array([any(tokens[i].start < item.end and tokens[i].end > item.start for i in group.indices) for group in groups])
    scores = {a.method: sum_over(groups, a.scores) for a in explanation}
    return Examined(
        item,
        right,
        len(groups),
        {name: _top(values, evidence) for name, values in scores.items()},
        {name: _mass(values, evidence) for name, values in scores.items()},
    )


def _top(values: Array, evidence: Array) -> float:
    highest = values == values.max()
    return float(evidence[highest].sum() / highest.sum())


def _mass(values: Array, evidence: Array) -> float:
    total = np.abs(values).sum()
    return float(np.abs(values[evidence.astype(bool)]).sum() / total) if total else 0.0
