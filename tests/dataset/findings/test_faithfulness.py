"""Faithfulness over a run is the mean of its column, and ranks are of paired differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dataset.findings import direct
from dataset.findings.made import corpus, write
from explain.dataset.findings import findings

METHODS = ["lrp", "occlusion", "shap"]


def test_means_and_ranks(tmp_path: Path) -> None:
    rows = corpus(60, methods=METHODS)
    shared = np.random.default_rng(5).normal(0.5, 0.3, 60)
    for number, row in enumerate(rows):
        little = 0.001 * (number % 3)
        row.faithfulness = {"lrp": shared[number] + 0.02 + little, "occlusion": shared[number], "shap": shared[number] - little + 0.001}
    rows[7].faithfulness = {"lrp": float("nan"), "occlusion": 9.0, "shap": 9.0}
    rows[8].faithfulness = {}
    found = findings(write(tmp_path, rows, METHODS), minimum=3).faithfulness
    assert found is not None
    kept = [row.faithfulness for number, row in enumerate(rows) if number not in (7, 8)]
    assert found.texts == 58
    for method in METHODS:
        value = found.overall[method]
        expected = direct.interval([row[method] for row in kept])
        np.testing.assert_allclose([value.mean, value.low, value.high], expected, atol=1e-12)
    assert found.rank == {"lrp": 1, "occlusion": 2, "shap": 2}
    assert found.to_dict()["methods"]["lrp"]["rank"] == 1


def test_a_run_without_the_column_has_none(tmp_path: Path) -> None:
    rows = corpus(5)
    for row in rows:
        row.faithfulness = {}
    assert findings(write(tmp_path, rows, ["lrp", "occlusion"])).faithfulness is None
