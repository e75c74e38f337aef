"""What the rows of a run are: how many have which target, label and prediction, and what of that a reader must know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from explain.dataset.findings.effects import scores_of, told_by

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

KEYS = ("target", "label", "prediction")


class RowTally:
    """Taken in batch by batch."""

    def __init__(self, methods: Sequence[str]) -> None:
        self.rows = 0
        self.answers: Counter[tuple[str | None, str]] = Counter()
        self.targets: Counter[str] = Counter()
        self._explained: Counter[tuple[str, str, str | None, str]] = Counter()
        self._methods = tuple(methods)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of a batch."""
        told = list(zip(*(told_by(batch, name).tolist() for name in KEYS), strict=True))
        self.rows += len(told)
        self.targets.update(target for target, _, _ in told)
        self.answers.update((label, prediction) for _, label, prediction in told)
        for method in self._methods:
            column = scores_of(batch, method)
            known = np.zeros(len(told), dtype=bool) if column is None else ~np.asarray(column.is_null())
            self._explained.update((method, *row) for row, there in zip(told, known, strict=True) if there)

    def table(self) -> pd.DataFrame:
        """How many rows each method explained, by target, label and prediction."""
        import pandas as pd

        return pd.DataFrame([(*key, float(rows)) for key, rows in self._explained.items()], columns=["method", *KEYS, "rows"])

    def notes(self) -> tuple[str, ...]:
        """What is missing, in sentences."""
        if not self.rows:
            return ("The run has no rows.",)
        notes = []
        explained = dict.fromkeys(self._methods, 0)
        for (method, *_), rows in self._explained.items():
            explained[method] += rows
        notes += [f"{method} explained {rows:,} of the {self.rows:,} rows." for method, rows in explained.items() if rows < self.rows]
        labels = {label for label, _ in self.answers if label is not None}
        said = {prediction for _, prediction in self.answers}
        if not labels:
            notes.append("There are no labels: errors and spurious cues cannot be told.")
        elif not labels & said:
            some, other = (", ".join(sorted(names)[:3]) for names in (labels, said))
            notes.append(f"No label is ever what the model says: the data's labels are {some}, the model says {other}.")
        elif len(labels) == 1:
            notes.append(f"All labels are {next(iter(labels))}: spurious cues cannot be told, which needs rows of other labels.")
        if len(self.targets) > 1:
            notes.append("Not every row explains the same target: an effect is towards what its row explains.")
        return tuple(notes)
