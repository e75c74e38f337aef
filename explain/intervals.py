"""Means over texts with bootstrap intervals, and rankings that say what is a tie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from explain.errors import InputError
from explain.types import Array, listed

SAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over texts and its percentile bootstrap interval; arrays of one shape.

    Attributes:
        mean: Over the texts.
        low: Lower end; NaN where there is only one text.
        high: Upper end.
    """

    mean: Array
    low: Array
    high: Array

    def to_dict(self) -> dict[str, object]:
        """Plain Python for JSON; an interval that does not exist is `None`."""
        return {name: listed(values) for name, values in (("mean", self.mean), ("low", self.low), ("high", self.high))}


def bootstrap(values: Array, *, samples: int = SAMPLES, confidence: float = CONFIDENCE, seed: int = 0) -> Interval:
    """The mean of [texts, ...] over the texts, with a percentile bootstrap interval (Efron, 1979) over them.

    Raises:
        InputError: There is no text.
    """
    if not len(values):
        raise InputError("There are no texts to average over. Give at least one.")
    values = np.asarray(values, dtype=np.float64)
    mean = np.asarray(values.mean(0))
    if len(values) == 1:
        return Interval(mean, np.full(mean.shape, np.nan), np.full(mean.shape, np.nan))
    from scipy import stats

    found = stats.bootstrap(
        (values,), np.mean, axis=0, n_resamples=samples, confidence_level=confidence, method="percentile", rng=np.random.default_rng(seed)
    ).confidence_interval
    return Interval(mean, np.asarray(found.low), np.asarray(found.high))


def ranks(values: Mapping[str, Array], *, samples: int = SAMPLES, confidence: float = CONFIDENCE, seed: int = 0) -> dict[str, int]:
    """The rank of each entry, 1 for the best; entries that the texts cannot tell apart may share one.

    An entry's rank is 1 plus the number of entries that are better than it: those whose paired difference of values [texts] has a
    bootstrap interval above zero.
    """
    names = list(values)
    found = dict.fromkeys(names, 1)
    for name in names:
        for other in names:
            if other != name and better(values[other], values[name], samples=samples, confidence=confidence, seed=seed):
                found[name] += 1
    return found


def better(first: Array, second: Array, *, samples: int = SAMPLES, confidence: float = CONFIDENCE, seed: int = 0) -> bool:
    """Whether the paired differences first - second [texts] have a bootstrap interval above zero."""
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    low = bootstrap(difference, samples=samples, confidence=confidence, seed=seed).low
    return bool(low > 0)
