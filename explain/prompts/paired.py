"""Paired differences over prompts: between two methods, and between prompts that belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explain.errors import InputError
from explain.evaluation.features import features_of
from explain.intervals import SAMPLES, Interval, bootstrap
from explain.models.perturbation import Granularity
from explain.prompts.comparison import PromptComparison, same_question, score_of
from explain.results import Explanation
from explain.tokens import sum_over
from explain.types import Array, listed


@dataclass(frozen=True)
class PairedDifference:
    """Differences that belong together in pairs, second minus first, and their mean.

    Attributes:
        first: What is subtracted, one name per pair.
        second: What it is subtracted from.
        values: [pairs]; NaN where there is no difference to speak of.
        interval: Mean over the other pairs with a bootstrap interval; its ends are NaN where there is only one.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    values: Array
    interval: Interval

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "first": list(self.first),
            "second": list(self.second),
            "values": listed(self.values),
            "interval": self.interval.to_dict(),
        }


def method_difference(
    comparison: PromptComparison,
    first: str,
    second: str,
    quantity: Callable[[Explanation, str], float] | None = None,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
) -> PairedDifference:
    """How much larger a quantity is under the second method than under the first, paired by prompt.

    Args:
        comparison: The prompts.
        first: Method that is subtracted.
        second: Method that it is subtracted from.
        quantity: A number for (explanation, method); `concentration` if left out, which has no unit. NaN leaves a prompt out.
        samples: Bootstrap samples.
        seed: Of the bootstrap.

    Raises:
        InputError: One of the methods was not used, or no prompt has the quantity.
    """
    missing = next((name for name in (first, second) if name not in comparison.methods), None)
    if missing:
        raise InputError(f"The prompts were not explained by {missing!r}. They have: {', '.join(comparison.methods) or 'no method'}.")
    of = quantity or concentration
    values = np.array([of(explanation, second) - of(explanation, first) for explanation in comparison], dtype=np.float64)
    known = values[~np.isnan(values)]
    if not len(known):
        raise InputError(f"On no prompt do both {first} and {second} have the compared quantity.")
    count = len(comparison)
    return PairedDifference((first,) * count, (second,) * count, values, bootstrap(known, samples=samples, seed=seed))


def score_difference(
    comparison: PromptComparison, pairs: Sequence[tuple[int, int]] | None = None, *, samples: int = SAMPLES, seed: int = 0
) -> PairedDifference:
    """How much larger the explained score of the second prompt of each pair is than that of the first.

    Args:
        comparison: The prompts.
        pairs: Numbers of prompts (from 0); the first with the second, the third with the fourth and so on if left out.
        samples: Bootstrap samples.
        seed: Of the bootstrap.

    Raises:
        InputError: A prompt has no partner or does not exist, or two partners explain different targets.
    """
    explanations = comparison.explanations
    if pairs is None:
        if len(comparison) % 2:
            raise InputError(f"{len(comparison)} prompts do not go into pairs. Give an even number, or say which belong together.")
        pairs = [(number, number + 1) for number in range(0, len(comparison), 2)]
    for pair in pairs:
        unknown = next((number for number in pair if not 0 <= number < len(explanations)), None)
        if unknown is not None:
            raise InputError(f"There is no prompt {unknown}: there are {len(explanations)} (counted from 0).")
        one, other = (explanations[number] for number in pair)
        if not same_question(one, other):
            raise InputError(
                f"Prompts {pair[0]} and {pair[1]} are asked differently (target {one.target.text!r} and {other.target.text!r}). "
                "Give the same target, foil and unit for both."
            )
    values = np.array([score_of(explanations[b]) - score_of(explanations[a]) for a, b in pairs], dtype=np.float64)
    first, second = (tuple(explanations[pair[side]].text for pair in pairs) for side in (0, 1))
    return PairedDifference(first, second, values, bootstrap(values, samples=samples, seed=seed))


def concentration(explanation: Explanation, method: str) -> float:
    """The share of a method's absolute word scores that the most important word has; NaN where all are 0."""
    groups = features_of(explanation, Granularity.WORDS)
    sizes = np.abs(sum_over(groups, explanation[method].scores)) if groups else np.zeros(1)
    return float(sizes.max() / sizes.sum()) if sizes.sum() else float("nan")
