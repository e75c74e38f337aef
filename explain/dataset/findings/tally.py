"""Counts, means and squares per word, merged batch by batch: the one table from which all findings about words are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from explain.dataset.findings.moments import Moments

if TYPE_CHECKING:
    import pandas as pd

CELL = ("method", "word", "target", "label", "prediction")
"""What rows are kept apart by; every finding merges some of these."""
AT_ONCE = 250_000


class Tally:
    """Of the effects of words, one observation per row of the run.

    Memory grows with the number of different words, classes and methods, not with the rows.
    """

    def __init__(self) -> None:
        self._parts: list[pd.DataFrame] = []
        self._waiting = 0

    def add(self, effects: pd.DataFrame, methods: Sequence[str]) -> None:
        """Take in the effects [row, word] of a batch, a column per method; NaN is no observation."""
        for method in methods:
            known = effects[effects[method].notna()]
            part = known[[*CELL[1:], "occurrences"]].assign(method=method, rows=1.0, mean=known[method], squares=0.0)
            self._parts.append(merged(part, CELL))
            self._waiting += len(self._parts[-1])
        if self._waiting > AT_ONCE:
            self._parts = [self._merge()]
            self._waiting = 0

    def table(self) -> pd.DataFrame:
        """One row per cell: `CELL`, rows, occurrences, mean, squares."""
        return self._merge()

    def _merge(self) -> pd.DataFrame:
        import pandas as pd

        if not self._parts:
            return pd.DataFrame({name: [] for name in (*CELL, "rows", "occurrences", "mean", "squares")})
        return merged(pd.concat(self._parts, ignore_index=True), CELL)


def merged(cells: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Cells with equal keys made one: counts are added, means weighted, squares taken about the common mean."""
    by = list(keys)
    grouped = cells.groupby(by, sort=False, dropna=False, observed=True)
    weighted = cells.assign(weighted=cells["rows"] * cells["mean"]).groupby(by, sort=False, dropna=False, observed=True)["weighted"]
    centre = weighted.transform("sum") / grouped["rows"].transform("sum")
    shifted = cells.assign(squares=cells["squares"] + cells["rows"] * (cells["mean"] - centre) ** 2, mean=centre)
    again = shifted.groupby(by, sort=False, dropna=False, observed=True)
    return again.agg(
        rows=("rows", "sum"), occurrences=("occurrences", "sum"), mean=("mean", "first"), squares=("squares", "sum")
    ).reset_index()


def moments(cells: pd.DataFrame) -> Moments:
    """Of the rows of a table, as arrays."""
    return Moments(*(cells[name].to_numpy(dtype=np.float64) for name in ("rows", "mean", "squares")))
