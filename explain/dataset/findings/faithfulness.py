"""How faithful the methods are over a run, from the number that it recorded of every text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.dataset.findings.moments import Moments
from explain.evaluation.labels import Labelled, MethodLabel
from explain.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


@dataclass(frozen=True)
class MeanFaithfulness(Labelled):
    """Faithfulness averaged over the rows of a run: 0 is what random orders reach, 1 the best order found.

    Attributes:
        labels: The methods.
        texts: How many rows count: those that have a number of every method.
        overall: Method -> mean with Student's interval.
        rank: Method -> 1 plus how many are better: those whose paired difference has an interval above zero. Ties share one.
    """

    labels: tuple[MethodLabel, ...]
    texts: int
    overall: Mapping[str, Interval]
    rank: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        methods = {
            name: {"title": title, "rank": self.rank[name], "overall": self.overall[name].to_dict()} for name, title in self.titles.items()
        }
        return {"texts": self.texts, "methods": methods}


class FaithfulnessTally:
    """Every method's number and every difference of two, taken in batch by batch."""

    def __init__(self, labels: Sequence[MethodLabel]) -> None:
        self._labels = tuple(labels)
        count = len(labels)
        self._own = Moments(*(np.zeros(count) for _ in range(3)))
        self._pairs = Moments(*(np.zeros((count, count)) for _ in range(3)))

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in the rows of a batch that have a number of every method."""
        if "faithfulness" not in batch.schema.names:
            return
        column = batch["faithfulness"]
        fields = [column.type.get_field_index(label.name) for label in self._labels]
        if not fields or min(fields) < 0:
            return
        parts = column.flatten()
        values = np.stack([parts[field].cast("float64").to_numpy(zero_copy_only=False) for field in fields], axis=1)  # [rows, m]
        values = values[np.isfinite(values).all(1)]
        if len(values):
            self._own += Moments.of(values)
            self._pairs += Moments.of(values[:, :, None] - values[:, None, :])

    def result(self) -> MeanFaithfulness | None:
        """The means; `None` where the run recorded no faithfulness."""
        texts = int(self._own.rows.max(initial=0))
        if not texts:
            return None
        means, pairs = self._own.interval(), self._pairs.interval()
        names = [label.name for label in self._labels]
        overall = {name: Interval(*(np.asarray(part[i]) for part in (means.mean, means.low, means.high))) for i, name in enumerate(names)}
        rank = {name: 1 + int((np.nan_to_num(pairs.low[:, i], nan=0.0) > 0).sum()) for i, name in enumerate(names)}
        return MeanFaithfulness(self._labels, texts, overall, rank)
