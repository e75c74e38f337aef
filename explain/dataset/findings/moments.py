"""Means over rows with Student's intervals, from counts, means and squares that are merged part by part: memory does not grow with rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from explain.intervals import CONFIDENCE, Interval
from explain.types import Array


@dataclass(frozen=True)
class Moments:
    """How many values there were, their mean, and the sum of their squared distances from it; arrays of one shape.

    Attributes:
        rows: Number of values.
        mean: Their mean; 0 where there is none.
        squares: Sum of squared distances from the mean.
    """

    rows: Array
    mean: Array
    squares: Array

    @classmethod
    def of(cls, values: Array) -> Moments:
        """Of [rows, ...] over the rows; NaN is left out."""
        known = ~np.isnan(values)
        rows = known.sum(0).astype(np.float64)
        mean = np.divide(np.where(known, values, 0.0).sum(0), rows, out=np.zeros_like(rows), where=rows > 0)
        return cls(rows, mean, np.where(known, (values - mean) ** 2, 0.0).sum(0))

    def __add__(self, other: Moments) -> Moments:
        """Of both together (Chan et al., 1983)."""
        rows = self.rows + other.rows
        share = np.divide(other.rows, rows, out=np.zeros_like(rows), where=rows > 0)
        step = other.mean - self.mean
        return Moments(rows, self.mean + step * share, self.squares + other.squares + step**2 * share * self.rows)

    def __sub__(self, other: Moments) -> Moments:
        """Of what is left without `other`, which is a part of it."""
        rows = self.rows - other.rows
        mean = np.divide(self.rows * self.mean - other.rows * other.mean, rows, out=np.zeros_like(rows), where=rows > 0)
        both = np.divide(rows * other.rows, self.rows, out=np.zeros_like(rows), where=self.rows > 0)
        return Moments(rows, mean, np.maximum(self.squares - other.squares - both * (mean - other.mean) ** 2, 0.0))

    @property
    def error(self) -> Array:
        """Standard error of the mean; NaN for fewer than two rows."""
        few = self.rows < 2
        return np.asarray(np.where(few, np.nan, np.sqrt(self.squares / np.where(few, 1.0, (self.rows - 1) * self.rows))))

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """The mean with Student's interval; NaN ends for fewer than two rows, and a NaN mean for none."""
        from scipy import stats

        half = self.error * stats.t.ppf((1 + confidence) / 2, np.maximum(self.rows - 1, 1))
        mean = np.asarray(np.where(self.rows > 0, self.mean, np.nan))
        return Interval(mean, np.asarray(mean - half), np.asarray(mean + half))

    def p_values(self, *, above: bool = False) -> Array:
        """Of the t test against a mean of 0, two-sided or, with `above`, for a mean above it; NaN for fewer than two rows.

        Rows that are all alike (an effect that is a weight of the model) have no spread: then the mean is 0 or it surely is not.
        """
        return _p(self.mean, self.error, self.rows - 1, above=above)

    def minus(self, other: Moments, confidence: float = CONFIDENCE) -> tuple[Interval, Array]:
        """The difference of the means of two sets of rows with Welch's interval, and its two-sided p-value."""
        from scipy import stats

        one, two = self.error**2, other.error**2
        error = np.sqrt(one + two)
        spread = one**2 / np.maximum(self.rows - 1, 1) + two**2 / np.maximum(other.rows - 1, 1)
        freedom = np.divide(error**4, spread, out=np.ones_like(error), where=spread > 0)
        mean = self.mean - other.mean
        half = error * stats.t.ppf((1 + confidence) / 2, freedom)
        return Interval(mean, np.asarray(mean - half), np.asarray(mean + half)), _p(mean, error, freedom, above=False)


def adjusted(p_values: Array) -> Array:
    """Benjamini and Hochberg's (1995) p-values for as many tests as there are; NaN is no test."""
    from scipy import stats

    found = np.full(p_values.shape, np.nan)
    known = ~np.isnan(p_values)
    if known.any():
        found[known] = stats.false_discovery_control(p_values[known], method="bh")
    return found


def _p(mean: Array, error: Array, freedom: Array, *, above: bool) -> Array:
    from scipy import stats

    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(mean == 0, 0.0, mean / error)
    p: Any = stats.t.sf(t if above else np.abs(t), np.maximum(freedom, 1)) * (1 if above else 2)
    return np.asarray(np.where(np.isnan(error), np.nan, p), dtype=np.float64)
