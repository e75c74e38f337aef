"""What a finding about a word is: its mean effect with an interval, how many rows it rests on, and the places behind it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from explain.dataset.findings.tally import moments
from explain.dataset.findings.where import Place, Where

if TYPE_CHECKING:
    import pandas as pd

MINIMUM = 5
MOST = 20
ALPHA = 0.05


@dataclass(frozen=True)
class Effect:
    """A mean over rows with Student's 95 % interval.

    Attributes:
        mean: Of the rows' effects; a row in which the word stands several times counts once, with its mean.
        low: Lower end of the interval; NaN for a single row.
        high: Upper end.
        rows: How many rows.
        occurrences: How often the word stands in them.
    """

    mean: float
    low: float
    high: float
    rows: int
    occurrences: int


@dataclass(frozen=True)
class WordFinding:
    """A finding about one word.

    Attributes:
        method: By which method.
        word: As it is counted.
        places: The strongest occurrences behind it.
    """

    method: str
    word: str
    places: tuple[Place, ...]

    @property
    def where(self) -> Where:
        """The rows that it rests on."""
        return Where()

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; what does not exist is `None`."""
        return {**plain(dataclasses.asdict(self)), "where": self.where.to_dict()}


def effects_of(cells: pd.DataFrame) -> Iterator[Effect]:
    """The effect of every row of a table of merged cells."""
    interval = moments(cells).interval()
    ends = (interval.mean.tolist(), interval.low.tolist(), interval.high.tolist())
    counts = (cells["rows"].astype(int).tolist(), cells["occurrences"].astype(int).tolist())
    for values in zip(*ends, *counts, strict=True):
        yield Effect(*values)


def flat(values: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Nested fields as columns of a table: `effect_mean`, …; places and rows chosen are left out."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in ("places", "where"):
            continue
        if isinstance(value, dict):
            found |= flat(value, f"{path}{name}_")
        else:
            found[f"{path}{name}"] = value
    return found


def plain(value: Any) -> Any:
    """Plain Python for JSON: lists for tuples, `None` for NaN."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and value != value else value
