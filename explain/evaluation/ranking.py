"""The race over many texts: which methods are faithful here, and which cannot be told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explain.errors import InputError
from explain.evaluation.faithfulness import SEARCH_LIMIT, Curve, Faithfulness, faithfulness
from explain.explainer import TokenExplainer
from explain.intervals import SAMPLES, Interval, bootstrap, places
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.perturbation import Granularity, Replacement
from explain.types import Array, Unit

GRID = np.linspace(0.0, 1.0, 21)


@dataclass(frozen=True)
class Race:
    """Means over texts with bootstrap intervals.

    Attributes:
        granularity: Whether tokens or words were taken away.
        texts: How many count: those on which some order is better than another.
        left_out: How many do not.
        overall: Method -> mean of normalised comprehensiveness and sufficiency: 0 random, 1 best found.
        comprehensiveness: Method -> normalised comprehensiveness.
        sufficiency: Method -> normalised sufficiency.
        between_bounds: Method -> comprehensiveness from 0 (worst order found) to 1 (best), as Edin et al. normalise it.
        raw_comprehensiveness: Method -> comprehensiveness in units of the score; larger is better.
        raw_sufficiency: Method -> sufficiency in units of the score; smaller is better.
        place: Method -> place by `overall`; methods that the texts cannot tell apart may share one.
        deletion: Method (and "random", "best found") -> change of the score while tokens are taken away, at 21 shares from 0 to 1.
        insertion: The same while tokens are brought back.
    """

    granularity: str
    texts: int
    left_out: int
    overall: Mapping[str, Interval]
    comprehensiveness: Mapping[str, Interval]
    sufficiency: Mapping[str, Interval]
    between_bounds: Mapping[str, Interval]
    raw_comprehensiveness: Mapping[str, Interval]
    raw_sufficiency: Mapping[str, Interval]
    place: Mapping[str, int]
    deletion: Mapping[str, Interval]
    insertion: Mapping[str, Interval]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "granularity": self.granularity,
            "texts": self.texts,
            "left_out": self.left_out,
            "shares": GRID.tolist(),
            "methods": {
                name: {
                    "place": self.place[name],
                    "overall": self.overall[name].to_dict(),
                    "comprehensiveness": self.comprehensiveness[name].to_dict(),
                    "sufficiency": self.sufficiency[name].to_dict(),
                    "between_bounds": self.between_bounds[name].to_dict(),
                    "raw_comprehensiveness": self.raw_comprehensiveness[name].to_dict(),
                    "raw_sufficiency": self.raw_sufficiency[name].to_dict(),
                }
                for name in self.overall
            },
            "deletion": {name: interval.to_dict() for name, interval in self.deletion.items()},
            "insertion": {name: interval.to_dict() for name, interval in self.insertion.items()},
        }


def faithfulness_over_texts(
    explainer: TokenExplainer,
    texts: Sequence[str],
    methods: Sequence[str | Method],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    target: str | int | None = None,
    foil: str | int | None = None,
    unit: Unit | str | None = None,
    step: int | None = None,
    replacement: Replacement = Replacement.AUTO,
    players: Granularity = Granularity.WORDS,
    orders: int = 20,
    beam: int = 4,
    seed: int = 0,
    limit: int = SEARCH_LIMIT,
) -> Iterator[Faithfulness]:
    """The race on every text, one whole text after the other; of a sequence task, the output token `step` (the last if left out).

    Raises:
        InputError: A text cannot be explained or raced.
        UnsupportedError: A method cannot explain this model.
    """
    chosen = make_methods(methods, options)
    for text in texts:
        analysis = explainer.ask(text, target=target, foil=foil, unit=unit, step=step).single()
        attributions = [analysis.run(method) for method in chosen]
        yield faithfulness(
            analysis.scores[0],
            attributions,
            replacement=replacement,
            players=players,
            orders=orders,
            beam=beam,
            seed=seed,
            limit=limit,
        )


def race(results: Sequence[Faithfulness], *, samples: int = SAMPLES, seed: int = 0) -> Race:
    """The means of the races of several texts.

    Raises:
        InputError: On no text is one order better than another, or the methods, the granularity or the replacement differ from
            text to text.
    """
    names = [curve.name for curve in results[0].curves] if results else []
    if any([curve.name for curve in result.curves] != names for result in results):
        raise InputError("The texts were explained by different methods. Race the same ones on each.")
    if len({(result.granularity, result.replacement) for result in results}) > 1:
        raise InputError("The texts were raced with tokens and with words, or with different replacements. Race all in the same way.")
    counted = [result for result in results if all(np.isfinite(result.overall(curve)) for curve in result.curves)]
    if not counted:
        raise InputError(f"On none of the {len(results)} texts is one order of the tokens better than another: there is nothing to rank.")

    def over(values: Mapping[str, Array]) -> dict[str, Interval]:
        return {name: bootstrap(found, samples=samples, seed=seed) for name, found in values.items()}

    def each(measure: Callable[[Faithfulness, Curve], float]) -> dict[str, Interval]:
        return over({name: np.array([measure(result, result[name]) for result in counted]) for name in names})

    overall = {name: np.array([result.overall(result[name]) for result in counted]) for name in names}
    deletions = {name: [result[name].deletion for result in counted] for name in names}
    insertions = {name: [result[name].insertion for result in counted] for name in names}
    deletions |= {"random": [r.random.deletion for r in counted], "best found": [r.best.deletion for r in counted]}
    insertions |= {"random": [r.random.insertion for r in counted], "best found": [r.best_insertion for r in counted]}
    return Race(
        granularity=counted[0].granularity,
        texts=len(counted),
        left_out=len(results) - len(counted),
        overall=over(overall),
        comprehensiveness=each(Faithfulness.normalised_comprehensiveness),
        sufficiency=each(Faithfulness.normalised_sufficiency),
        between_bounds=each(Faithfulness.between_bounds),
        raw_comprehensiveness=each(lambda _, curve: curve.comprehensiveness),
        raw_sufficiency=each(lambda _, curve: curve.sufficiency),
        place=places(overall, samples=samples, seed=seed),
        deletion=over({name: np.stack([_on_grid(scores - scores[0]) for scores in curves]) for name, curves in deletions.items()}),
        insertion=over({name: np.stack([_on_grid(scores - scores[-1]) for scores in curves]) for name, curves in insertions.items()}),
    )


def _on_grid(scores: Array) -> Array:
    """A curve over k = 0 … n at the shares of GRID."""
    return np.asarray(np.interp(GRID, np.linspace(0.0, 1.0, len(scores)), scores))
