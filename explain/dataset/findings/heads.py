"""Critical heads over a run: the mean effect of switching each off, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.dataset.findings.moments import Moments, adjusted
from explain.errors import InputError
from explain.intervals import Interval
from explain.types import Array, listed

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class HeadEffects:
    """How far the explained score falls without each head; positive speaks for what is explained.

    Attributes:
        texts: How many rows.
        effect: Group of attention -> mean with Student's interval, [layers, heads] each.
        q: Group -> Benjamini and Hochberg's p-values of no effect, over all heads of all groups [layers, heads].
    """

    texts: int
    effect: Mapping[str, Interval]
    q: Mapping[str, Array]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {"texts": self.texts, **{group: {**found.to_dict(), "q": listed(self.q[group])} for group, found in self.effect.items()}}

    def to_frame(self) -> pd.DataFrame:
        """One row per head, the largest mean effect first."""
        import pandas as pd

        rows = [
            {"group": group, "layer": layer, "head": head, "mean": mean, "low": found.low[layer, head], "high": found.high[layer, head]}
            | {"q": self.q[group][layer, head], "rows": self.texts}
            for group, found in self.effect.items()
            for (layer, head), mean in np.ndenumerate(found.mean)
        ]
        columns = ["group", "layer", "head", "mean", "low", "high", "q", "rows"]
        return pd.DataFrame(rows, columns=columns).sort_values("mean", ascending=False, ignore_index=True)


class HeadTally:
    """Every head's effect, taken in batch by batch."""

    def __init__(self) -> None:
        self._groups: dict[str, Moments] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in the rows of a batch that have effects of heads.

        Raises:
            InputError: Rows have other numbers of heads than those before them.
        """
        if "heads" not in batch.schema.names or not hasattr(batch["heads"], "flatten"):
            return
        column = batch["heads"]
        for field, values in zip(column.type, column.flatten(), strict=True):
            rows = [row for row in values.to_pylist() if row is not None]
            if not rows:
                continue
            found = Moments.of(np.asarray(rows, dtype=np.float64))  # [rows, L, H]
            known = self._groups.get(field.name)
            if known is not None and known.mean.shape != found.mean.shape:
                raise InputError(f"This run is damaged: heads of {field.name!r} are {found.mean.shape}, then {known.mean.shape}.")
            self._groups[field.name] = found if known is None else known + found

    def result(self) -> HeadEffects | None:
        """The means; `None` where the run recorded no heads."""
        if not self._groups:
            return None
        p = {group: moments.p_values() for group, moments in self._groups.items()}
        together = adjusted(np.concatenate([values.ravel() for values in p.values()]))
        ends = np.cumsum([values.size for values in p.values()])[:-1]
        q = {group: part.reshape(p[group].shape) for group, part in zip(p, np.split(together, ends), strict=True)}
        texts = int(max(moments.rows.max(initial=0) for moments in self._groups.values()))
        return HeadEffects(texts, {group: moments.interval() for group, moments in self._groups.items()}, q)
