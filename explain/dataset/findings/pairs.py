"""What two runs, or two methods of one run, have in common and what differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from explain.dataset.findings.found import Effect, flat, plain

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        name: What it is called, the same for both where they differ in the other.
        model: The model that was asked.
        method: The method.
        title: What a person reads for the method.
        signed: Whether its scores can be negative.
    """

    name: str
    model: str
    method: str
    title: str
    signed: bool


@dataclass(frozen=True)
class WordPair:
    """A word's mean effect in both, over the same rows, and the paired difference.

    Attributes:
        word: As it is counted.
        target: What is explained in these rows by both.
        first: Effect in the first.
        second: Effect in the second.
        difference: First minus second, with an interval over the rows' differences.
        q: Benjamini and Hochberg's p-value of no difference, over all words that stand in enough rows.
    """

    word: str
    target: str
    first: Effect
    second: Effect
    difference: Effect
    q: float


@dataclass(frozen=True)
class RowPair:
    """A row in which the two differ.

    Attributes:
        row: The row of the data.
        text: Its text.
        label: The data's label, if there is one.
        predictions: What the model says in each.
        targets: What is explained in each.
        apart: 1 minus the cosine of both effects of its words; NaN where different targets are explained.
    """

    row: int
    text: str
    label: str | None
    predictions: tuple[str, str]
    targets: tuple[str, str]
    apart: float


@dataclass(frozen=True)
class SideBySide:
    """What differs between the two.

    Attributes:
        first: The first.
        second: The second.
        shares: Whether effects are shares of the absolute effects of all words of their text, as different scales need.
        rows: How many rows both have.
        alone: How many only one of them has.
        compared: How many of those that both have explain the same target in both.
        disagreeing: In how many the predictions differ.
        words: Words of all rows that are compared, the largest difference first.
        correlation: Target -> Spearman's rho of both mean effects over all words that stand in enough rows; NaN for fewer than three.
        apart: The rows in which the two differ most.
        changed: The first rows of which the predictions differ.
    """

    first: Side
    second: Side
    shares: bool
    rows: int
    alone: int
    compared: int
    disagreeing: int
    words: tuple[WordPair, ...]
    correlation: Mapping[str, float]
    apart: tuple[RowPair, ...]
    changed: tuple[RowPair, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; what does not exist is `None`."""
        values: dict[str, Any] = plain(dataclasses.asdict(self))
        return values

    def to_frame(self) -> pd.DataFrame:
        """One row per word."""
        import pandas as pd

        return pd.DataFrame([flat(dataclasses.asdict(word)) for word in self.words])
