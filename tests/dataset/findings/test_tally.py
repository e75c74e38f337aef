"""Batches merged are the whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from explain.dataset.findings import tally
from explain.dataset.findings.tally import CELL, Tally, merged


def test_batches_merge_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    rows = 300
    frame = pd.DataFrame(
        {
            "word": random.choice(["a", "b", "c"], rows),
            "target": random.choice(["yes", "no"], rows),
            "label": random.choice(np.array(["yes", "no", None], dtype=object), rows),
            "prediction": "yes",
            "occurrences": random.integers(1, 3, rows),
            "lrp": random.normal(1e5, 1.0, rows),
        }
    )
    frame.loc[::10, "lrp"] = np.nan
    monkeypatch.setattr(tally, "AT_ONCE", 20)
    counted = Tally()
    for start in range(0, rows, 50):
        counted.add(frame[start : start + 50], ["lrp"])
    table = counted.table()
    assert len(table) == 18
    known = frame[frame["lrp"].notna()]
    for _, cell in table.iterrows():
        alike = known[(known["word"] == cell["word"]) & (known["target"] == cell["target"])]
        alike = alike[alike["label"].isna() if cell["label"] is None or cell["label"] != cell["label"] else alike["label"] == cell["label"]]
        values = alike["lrp"].to_numpy()
        assert (cell["rows"], cell["occurrences"]) == (len(values), alike["occurrences"].sum())
        assert cell["mean"] == pytest.approx(values.mean(), rel=1e-13)
        assert cell["squares"] == pytest.approx(((values - values.mean()) ** 2).sum(), rel=1e-7)
    whole = merged(table, ["method"])
    assert whole.loc[0, "squares"] == pytest.approx(known["lrp"].var(ddof=0) * len(known), rel=1e-7)


def test_nothing_is_an_empty_table() -> None:
    assert list(Tally().table().columns) == [*CELL, "rows", "occurrences", "mean", "squares"]
    assert merged(Tally().table(), ["method", "word"]).empty
