"""Bootstrap intervals and ranks."""

from __future__ import annotations

import numpy as np
import pytest

from explain import InputError
from explain.intervals import better, bootstrap, ranks


def test_the_interval_covers_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [bootstrap(rng.normal(2.0, 1.0, size=60), samples=500, seed=n) for n in range(300)]
    covered = np.mean([interval.low <= 2.0 <= interval.high for interval in found])
    assert 0.90 <= covered <= 0.98


def test_arrays_keep_their_shape_and_results_repeat():
    values = np.random.default_rng(0).normal(size=(12, 3, 4))
    one, other = bootstrap(values), bootstrap(values)
    assert one.mean == pytest.approx(values.mean(0))
    assert one.low.shape == (3, 4)
    assert np.array_equal(one.high, other.high)
    assert not np.array_equal(one.low, bootstrap(values, seed=1).low)
    assert np.shape(one.to_dict()["low"]) == (3, 4)


def test_one_text_has_a_mean_but_no_interval():
    found = bootstrap(np.array([[1.0, 2.0]]))
    assert found.to_dict() == {"mean": [1.0, 2.0], "low": [None, None], "high": [None, None]}
    assert bootstrap(np.array([3.0])).to_dict() == {"mean": 3.0, "low": None, "high": None}
    assert not better(np.array([3.0]), np.array([1.0]))
    with pytest.raises(InputError, match="at least one"):
        bootstrap(np.zeros((0, 2)))


def test_ranks_tie_where_the_texts_cannot_tell():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=50)
    values = {"good": noise + 1.0, "twin": noise + 1.0, "like": noise + 1.0 + rng.normal(0, 0.5, size=50), "bad": noise}
    assert ranks(values) == {"good": 1, "twin": 1, "like": 1, "bad": 4}
