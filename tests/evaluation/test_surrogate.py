"""The sparse linear surrogate finds the few parts that count, and ablations are different subsets."""

from __future__ import annotations

import numpy as np
import pytest

from explain.evaluation.surrogate import ablations, sparse_linear


@pytest.mark.parametrize(("features", "count", "found"), [(3, 64, 8), (5, 20, 20), (10, 96, 96), (30, 50, 50)])
def test_ablations_are_different_and_keep_about_half(features: int, count: int, found: int) -> None:
    drawn = ablations(features, count, np.random.default_rng(0))
    assert drawn.shape == (found, features)
    assert len({row.tobytes() for row in drawn}) == found
    assert drawn.mean() == pytest.approx(0.5, abs=0.1)
    assert (drawn == ablations(features, count, np.random.default_rng(0))).all()


def test_weights_are_found_and_others_are_zero() -> None:
    weights = np.zeros(20)
    weights[[3, 7, 12]] = 40.0, -20.0, 10.0
    keep = ablations(20, 200, np.random.default_rng(1))
    found = sparse_linear(keep, keep @ weights - 50, tokens=10)
    assert set(np.flatnonzero(found)) == {3, 7, 12}
    np.testing.assert_allclose(found[[3, 7, 12]], weights[[3, 7, 12]], atol=0.5)  # shrunk by the sparsity
    assert (sparse_linear(np.ones((8, 3), dtype=bool), np.arange(8.0), tokens=1) == 0).all()
