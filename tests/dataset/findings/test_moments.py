"""Intervals and tests from merged counts are those of scipy on all values at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from explain.dataset.findings.moments import Moments, adjusted

VALUES = np.random.default_rng(0).normal(1e6, 2.0, (50, 3))
VALUES[::7, 1] = np.nan


def test_parts_together_are_the_whole_even_far_from_zero() -> None:
    merged = Moments.of(VALUES[:1]) + Moments.of(VALUES[1:20]) + Moments.of(VALUES[:0]) + Moments.of(VALUES[20:])
    interval = merged.interval()
    for column in range(3):
        known = VALUES[~np.isnan(VALUES[:, column]), column]
        low, high = stats.ttest_1samp(known, 0).confidence_interval(0.95)
        assert merged.rows[column] == len(known)
        np.testing.assert_allclose(
            [interval.mean[column], interval.low[column], interval.high[column]], [known.mean(), low, high], rtol=1e-12
        )
        assert merged.squares[column] == pytest.approx(((known - known.mean()) ** 2).sum(), rel=1e-6)


def test_p_values_are_those_of_the_t_test() -> None:
    values = VALUES - 1e6 - 0.3
    found = Moments.of(values)
    for column in range(3):
        known = values[~np.isnan(values[:, column]), column]
        assert found.p_values()[column] == pytest.approx(stats.ttest_1samp(known, 0).pvalue, rel=1e-9)
        assert found.p_values(above=True)[column] == pytest.approx(stats.ttest_1samp(known, 0, alternative="greater").pvalue, rel=1e-9)


def test_a_difference_is_welchs() -> None:
    one, two = VALUES[:20, :1], VALUES[20:, 2:] + 0.5
    interval, p = Moments.of(one).minus(Moments.of(two))
    expected = stats.ttest_ind(one, two, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    np.testing.assert_allclose([interval.low[0], interval.high[0], p[0]], [low[0], high[0], expected.pvalue[0]], rtol=1e-8)
    assert interval.mean[0] == pytest.approx(one.mean() - two.mean(), rel=1e-9)


def test_without_spread_an_effect_is_certain_or_none() -> None:
    found = Moments.of(np.array([[0.0, 0.5, -0.5], [0.0, 0.5, -0.5]]))
    assert found.p_values().tolist() == [1.0, 0.0, 0.0]
    assert found.p_values(above=True).tolist() == [0.5, 0.0, 1.0]
    assert found.interval().low.tolist() == found.interval().high.tolist() == [0.0, 0.5, -0.5]


def test_fewer_than_two_rows_have_no_interval() -> None:
    found = Moments.of(np.array([[1.0, np.nan]]))
    assert found.interval().mean.tolist()[0] == 1.0
    assert np.isnan(found.interval().mean[1])
    assert np.isnan(found.interval().low).all()
    assert np.isnan(found.p_values()).all()


def test_many_tests_are_corrected() -> None:
    p = np.array([0.01, np.nan, 0.02, 0.04])
    np.testing.assert_allclose(adjusted(p), [0.03, np.nan, 0.03, 0.04])
    assert adjusted(np.array([])).size == 0
