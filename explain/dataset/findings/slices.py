"""What the slices of the data have, for keywords and for bias, and what differs between them."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.dataset.findings.effects import lists_of, scores_of, tokens_in, told_by
from explain.dataset.findings.found import plain
from explain.dataset.findings.moments import Moments
from explain.dataset.findings.slice import Slice
from explain.dataset.findings.where import MOST_PLACES, Place
from explain.errors import InputError
from explain.intervals import CONFIDENCE

if TYPE_CHECKING:
    import pyarrow as pa

OUTPUT, RIGHT = "output", "right"


@dataclass(frozen=True)
class Measure:
    """The mean of a quantity over rows, or a difference of two means, with a 95 % interval.

    Attributes:
        mean: The mean, or the difference.
        low: Lower end; NaN where there are fewer than two rows.
        high: Upper end.
        p: p-value of no difference; `None` of a mean.
    """

    mean: float
    low: float
    high: float
    p: float | None = None


@dataclass(frozen=True)
class SliceFinding:
    """A slice of the rows of one class.

    Attributes:
        name: The slice's.
        target: The class, which is what is explained in these rows.
        rows: How many.
        values: "output" (the explained score), "right" (share of right answers with Wilson's interval, where there are labels), and by
            method the effect of the words or matches that put a row into the slice, one observation per row.
        places: Method -> the strongest of them.
    """

    name: str
    target: str
    rows: int
    values: Mapping[str, Measure]
    places: Mapping[str, tuple[Place, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; what does not exist is `None`."""
        values: dict[str, Any] = plain(dataclasses.asdict(self))
        return values


@dataclass(frozen=True)
class SliceDifference:
    """What differs between two slices of the rows of one class: the first's mean minus the second's, with Welch's interval."""

    first: str
    second: str
    target: str
    values: Mapping[str, Measure]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; what does not exist is `None`."""
        values: dict[str, Any] = plain(dataclasses.asdict(self))
        return values


class SliceTally:
    """Takes in rows batch by batch."""

    def __init__(self, slices: Sequence[Slice], methods: Sequence[str]) -> None:
        if len({part.name for part in slices}) < len(slices):
            raise InputError(f"Every slice needs a name of its own, got {', '.join(part.name for part in slices)}.")
        self._slices, self._methods = tuple(slices), tuple(methods)
        self._moments: dict[tuple[str, str], Moments] = {}
        self._places: dict[tuple[str, str, str], list[tuple[float, int, Place]]] = {}
        self._rows: dict[tuple[str, str], int] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that have to be read."""
        return tuple(part.column for part in self._slices if part.column)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in the rows of a batch.

        Raises:
            InputError: A column is not there.
        """
        if not self._slices or not len(batch):
            return
        missing = next((column for column in self.columns if column not in batch.schema.names), None)
        if missing is not None:
            raise InputError(f"This run has no column {missing!r}. It has: {', '.join(batch.schema.names)}.")
        given = {column: [str(value) for value in batch[column].to_pylist()] for column in self.columns}
        told = {name: told_by(batch, name) for name in ("row", "target", "label", "prediction", "output")}
        scores = [lists_of(scores_of(batch, method), len(batch)) for method in self._methods]
        tokens, lengths = tokens_in(batch), [len(special) for special in lists_of(batch["special"], len(batch))]
        values: dict[tuple[str, str], list[list[float]]] = {}
        offset = 0
        for number, (text, length) in enumerate(zip(batch["text"].to_pylist(), lengths, strict=True)):
            own = tokens[offset : offset + length]
            offset += length
            for part in self._slices:
                spans = list(part.spans(own, text))
                if not spans and not (part.column and given[part.column][number] == part.value):
                    continue
                key = (part.name, told["target"][number])
                known = told["label"][number] is not None
                right = float(told["label"][number] == told["prediction"][number]) if known else np.nan
                effects = [
                    self._effect(key, m, s[number], spans, int(told["row"][number])) for m, s in zip(self._methods, scores, strict=True)
                ]
                values.setdefault(key, []).append([told["output"][number], right, *effects])
        for key, rows in values.items():
            found = Moments.of(np.array(rows, dtype=np.float64))
            self._moments[key] = self._moments[key] + found if key in self._moments else found
            self._rows[key] = self._rows.get(key, 0) + len(rows)

    def _effect(self, key: tuple[str, str], method: str, scores: Any, spans: Sequence[tuple[int, int, tuple[int, ...]]], row: int) -> float:
        """The mean effect of the spans of a row, the strongest of which are remembered."""
        if scores is None or not spans:
            return float("nan")
        sums = [float(scores[list(tokens)].sum()) for _, _, tokens in spans]
        kept = self._places.setdefault((*key, method), [])
        kept += [(abs(value), -row, Place(row, start, end, value)) for value, (start, end, _) in zip(sums, spans, strict=True)]
        kept[:] = heapq.nlargest(MOST_PLACES, kept, key=lambda item: item[:2])
        return float(np.mean(sums))

    def result(self) -> tuple[tuple[SliceFinding, ...], tuple[SliceDifference, ...]]:
        """The slices by class, and the differences of every two of them."""
        names = (OUTPUT, RIGHT, *self._methods)
        order = {part.name: number for number, part in enumerate(self._slices)}
        keys = sorted(self._moments, key=lambda key: (key[1], order[key[0]]))
        found = []
        for key in keys:
            interval = self._moments[key].interval()
            columns = zip(interval.mean.tolist(), interval.low.tolist(), interval.high.tolist(), strict=True)
            values = {name: Measure(*ends) for name, ends in zip(names, columns, strict=True) if ends[0] == ends[0]}
            if RIGHT in values:
                values[RIGHT] = _share(values[RIGHT].mean, int(self._moments[key].rows[1]))
            places = {method: tuple(place for *_, place in self._places.get((*key, method), [])) for method in self._methods}
            found.append(SliceFinding(*key, self._rows[key], values, places))
        pairs = [(one, two) for one, two in combinations(keys, 2) if one[1] == two[1]]
        return tuple(found), tuple(self._difference(one, two, names) for one, two in pairs)

    def _difference(self, one: tuple[str, str], two: tuple[str, str], names: Sequence[str]) -> SliceDifference:
        first, second = self._moments[one], self._moments[two]
        interval, p = first.minus(second)
        known = (first.rows > 0) & (second.rows > 0)
        columns = (interval.mean.tolist(), interval.low.tolist(), interval.high.tolist(), p.tolist())
        values = {name: Measure(*ends) for name, there, *ends in zip(names, known, *columns, strict=True) if there}
        return SliceDifference(one[0], two[0], one[1], values)


def _share(share: float, rows: int) -> Measure:
    """A share of rows with Wilson's (1927) interval."""
    from scipy import stats

    ends = stats.binomtest(round(share * rows), rows).proportion_ci(CONFIDENCE, method="wilson")
    return Measure(share, float(ends.low), float(ends.high))
