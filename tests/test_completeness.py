"""Gaps of complete scores, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from explain.completeness import completeness_gap, completeness_scale


def test_the_completeness_gap_is_relative() -> None:
    assert completeness_gap(np.array([1.0, 2.5]), 5.0, 1.0) == pytest.approx(0.5 / 4.0)
    assert completeness_gap(np.array([1.0, -1.0]), 2.0, 2.0) == 0.0
    assert completeness_gap(np.array([5.0, -4.0]), 2.0, 1.5) == pytest.approx(0.5 / 0.9)  # of a tenth of what they move
    assert completeness_gap(np.array([-4.0]), 1.0, 5.0) == 0.0


def test_the_scale_is_the_difference_unless_the_scores_cancel() -> None:
    assert completeness_scale(np.array([4.0, -1.0]), -3.0) == 3.0
    assert completeness_scale(np.array([4.0, -4.0]), 0.2) == pytest.approx(0.8)
