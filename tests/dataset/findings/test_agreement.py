"""Mean tau is the mean of scipy's on every row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataset.findings import direct
from dataset.findings.made import corpus, write
from explain.dataset.findings import findings
from explain.dataset.findings.agreement import tau_matrix
from explain.evaluation.agreement import Measure
from explain.similarity import kendall


def test_it_is_tau_b_with_ties_and_without_signs() -> None:
    scores = np.round(np.random.default_rng(0).normal(size=(3, 12)), 1)
    found = tau_matrix(scores, np.array([True, True, False]))
    size = np.abs(scores)
    assert found[0, 1] == pytest.approx(kendall(scores[0], scores[1]), abs=1e-12)
    assert found[0, 2] == pytest.approx(kendall(size[0], size[2]), abs=1e-12)
    np.testing.assert_allclose(np.diagonal(found), 1.0)
    assert np.isnan(tau_matrix(np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([True, True]))[0, 1])


def test_the_mean_is_over_rows_that_all_methods_explained(tmp_path: Path) -> None:
    rows = corpus(50, methods=["lrp", "attention"])
    rows[3].scores = {"lrp": [0.5] * len(rows[3].scores["lrp"]), "attention": [1.0] * len(rows[3].scores["lrp"])}  # type: ignore[arg-type]
    found = findings(write(tmp_path, rows, ["lrp", "attention"]), minimum=3).agreement
    assert found is not None
    taus = []
    for row in rows:
        one, other = row.scores["lrp"], row.scores["attention"]
        if other is not None and one is not None and len(one) > 3:
            taus.append(kendall(np.abs(one[1:-1]), np.abs(other[1:-1])))
    mean, low, high = direct.interval(np.nan_to_num(taus).tolist())
    tau = found.matrices[Measure.KENDALL]
    assert found.texts == len(taus)
    np.testing.assert_allclose([tau.mean[0, 1], tau.low[0, 1], tau.high[0, 1]], [mean, low, high], atol=1e-12)
    assert found.titles == {"lrp": "LRP", "attention": "Attention"}
