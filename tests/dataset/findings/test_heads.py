"""Heads: means, intervals and corrected tests over rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dataset.findings.made import corpus, write
from explain.dataset.findings import findings
from explain.errors import InputError


def test_heads_are_means_with_intervals(tmp_path: Path) -> None:
    rows = corpus(40)
    rows[4].heads = None
    found = findings(write(tmp_path, rows, ["lrp", "occlusion"])).heads
    assert found is not None
    values = np.array([row.heads for row in rows if row.heads is not None])
    expected = stats.ttest_1samp(values, 0)
    low, high = expected.confidence_interval(0.95)
    effect = found.effect["self"]
    np.testing.assert_allclose([effect.mean, effect.low, effect.high], [values.mean(0), low, high], atol=1e-12)
    np.testing.assert_allclose(found.q["self"].ravel(), stats.false_discovery_control(expected.pvalue.ravel()), rtol=1e-9)
    assert found.texts == 39
    frame = found.to_frame()
    best = np.unravel_index(values.mean(0).argmax(), (2, 3))
    assert tuple(frame.loc[0, ["layer", "head"]]) == best
    assert found.to_dict()["self"]["mean"] == effect.mean.tolist()


def test_other_numbers_of_heads_are_damage(tmp_path: Path) -> None:
    rows = corpus(20)
    for row in rows[10:]:
        row.heads = [[1.0]]
    with pytest.raises(InputError, match="This run is damaged: heads of 'self' are"):
        findings(write(tmp_path, rows, ["lrp", "occlusion"], chunk=10))


def test_a_run_without_heads_has_none(tmp_path: Path) -> None:
    rows = corpus(3)
    for row in rows:
        row.heads = None
    assert findings(write(tmp_path, rows, ["lrp", "occlusion"])).heads is None
