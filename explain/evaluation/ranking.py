"""Faithfulness over many texts: which methods are faithful here, and which cannot be told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.errors import InputError
from explain.evaluation.curves import Curve
from explain.evaluation.faithfulness import DEFAULT, Faithfulness, FaithfulnessSettings, faithfulness
from explain.evaluation.labels import Labelled, MethodLabel
from explain.evaluation.texts import iter_explanations
from explain.intervals import SAMPLES, Interval, bootstrap, ranks
from explain.methods.method import Method
from explain.types import Array, Question

if TYPE_CHECKING:
    from explain.explainer import TokenExplainer

GRID = np.linspace(0.0, 1.0, 21)
RANDOM, BEST = "random", "best found"


@dataclass(frozen=True)
class FaithfulnessRanking(Labelled):
    """Means over texts with bootstrap intervals.

    Attributes:
        labels: The methods.
        granularity: Whether tokens or words were taken away.
        texts: How many count: those on which some order is better than another.
        left_out: How many do not.
        overall: Method -> mean of normalised comprehensiveness and sufficiency: 0 random, 1 best found.
        comprehensiveness: Method -> normalised comprehensiveness.
        sufficiency: Method -> normalised sufficiency.
        between_bounds: Method -> comprehensiveness from 0 (worst order found) to 1 (best), as Edin et al. normalise it.
        raw_comprehensiveness: Method -> comprehensiveness in units of the score; larger is better.
        raw_sufficiency: Method -> sufficiency in units of the score; smaller is better.
        rank: Method -> rank by `overall`; methods that the texts cannot tell apart may share one.
        deletion: Method (and "random", "best found") -> change of the score while features are taken away, at 21 shares from 0 to 1.
        insertion: The same while features are brought back.
    """

    labels: tuple[MethodLabel, ...]
    granularity: str
    texts: int
    left_out: int
    overall: Mapping[str, Interval]
    comprehensiveness: Mapping[str, Interval]
    sufficiency: Mapping[str, Interval]
    between_bounds: Mapping[str, Interval]
    raw_comprehensiveness: Mapping[str, Interval]
    raw_sufficiency: Mapping[str, Interval]
    rank: Mapping[str, int]
    deletion: Mapping[str, Interval]
    insertion: Mapping[str, Interval]

    @classmethod
    def of(cls, results: Sequence[Faithfulness], *, samples: int = SAMPLES, seed: int = 0) -> FaithfulnessRanking:
        """The means of what was found on several texts.

        Raises:
            InputError: On no text is one order better than another, or the methods, the granularity or the replacement differ from
                text to text.
        """
        names = list(results[0].methods) if results else []
        if any(list(result.methods) != names for result in results):
            raise InputError("The texts were explained by different methods. Explain each with the same ones.")
        if len({(result.granularity, result.replacement) for result in results}) > 1:
            raise InputError(
                "On some texts tokens were taken away and on some words, or with different replacements. Use the same settings for all."
            )
        counted = [result for result in results if all(np.isfinite(result.overall(curve)) for curve in result.curves)]
        if not counted:
            raise InputError(f"On none of the {len(results)} texts is one order better than another: there is nothing to rank.")

        def over(values: Mapping[str, Array]) -> dict[str, Interval]:
            return {name: bootstrap(found, samples=samples, seed=seed) for name, found in values.items()}

        def each(measure: Callable[[Faithfulness, Curve], float]) -> dict[str, Interval]:
            return over({name: np.array([measure(result, result[name]) for result in counted]) for name in names})

        overall = {name: np.array([result.overall(result[name]) for result in counted]) for name in names}
        deletions = {name: [result[name].deletion for result in counted] for name in names}
        insertions = {name: [result[name].insertion for result in counted] for name in names}
        deletions |= {RANDOM: [r.random.deletion for r in counted], BEST: [r.best.deletion for r in counted]}
        insertions |= {RANDOM: [r.random.insertion for r in counted], BEST: [r.best_insertion for r in counted]}
        return cls(
            labels=counted[0].labels,
            granularity=counted[0].granularity,
            texts=len(counted),
            left_out=len(results) - len(counted),
            overall=over(overall),
            comprehensiveness=each(Faithfulness.normalised_comprehensiveness),
            sufficiency=each(Faithfulness.normalised_sufficiency),
            between_bounds=each(Faithfulness.between_bounds),
            raw_comprehensiveness=each(lambda _, curve: curve.comprehensiveness),
            raw_sufficiency=each(lambda _, curve: curve.sufficiency),
            rank=ranks(overall, samples=samples, seed=seed),
            deletion=over({name: np.stack([_on_grid(scores - scores[0]) for scores in curves]) for name, curves in deletions.items()}),
            insertion=over({name: np.stack([_on_grid(scores - scores[-1]) for scores in curves]) for name, curves in insertions.items()}),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "granularity": self.granularity,
            "texts": self.texts,
            "left_out": self.left_out,
            "shares": GRID.tolist(),
            "methods": {
                name: {
                    "title": title,
                    "rank": self.rank[name],
                    "overall": self.overall[name].to_dict(),
                    "comprehensiveness": self.comprehensiveness[name].to_dict(),
                    "sufficiency": self.sufficiency[name].to_dict(),
                    "between_bounds": self.between_bounds[name].to_dict(),
                    "raw_comprehensiveness": self.raw_comprehensiveness[name].to_dict(),
                    "raw_sufficiency": self.raw_sufficiency[name].to_dict(),
                }
                for name, title in self.titles.items()
            },
            "deletion": {name: interval.to_dict() for name, interval in self.deletion.items()},
            "insertion": {name: interval.to_dict() for name, interval in self.insertion.items()},
        }


def iter_faithfulness(
    explainer: TokenExplainer,
    texts: Iterable[str | Question],
    methods: Iterable[str | Method],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    settings: FaithfulnessSettings = DEFAULT,
    **asked: Any,
) -> Iterator[Faithfulness]:
    """The faithfulness on every text, one whole text after the other. The arguments are those of `evaluate_faithfulness`."""
    for score, explanation in iter_explanations(explainer, texts, methods, options=options, **asked):
        yield faithfulness(score, explanation.attributions, settings)


def evaluate_faithfulness(
    explainer: TokenExplainer,
    texts: Iterable[str | Question],
    methods: Iterable[str | Method],
    *,
    settings: FaithfulnessSettings = DEFAULT,
    samples: int = SAMPLES,
    **more: Any,
) -> FaithfulnessRanking:
    """How faithful the methods are over texts: means with bootstrap intervals, and a ranking.

    Args:
        explainer: What to ask.
        texts: Texts or questions; of a sequence task the output token `step` is explained, the last if left out.
        methods: Names or methods.
        settings: How features are taken away; its seed is that of the bootstrap too.
        samples: Bootstrap samples.
        more: `options` of methods given by name, and fields of `Question` (target, foil, unit, position, step) that the texts leave open.

    Raises:
        InputError: A text cannot be explained, or on no text is one order better than another.
        UnsupportedError: A method cannot explain this model.
    """
    results = list(iter_faithfulness(explainer, texts, methods, settings=settings, **more))
    return FaithfulnessRanking.of(results, samples=samples, seed=settings.seed)


def _on_grid(scores: Array) -> Array:
    """A curve over k = 0 … n at the shares of GRID."""
    return np.asarray(np.interp(GRID, np.linspace(0.0, 1.0, len(scores)), scores))
