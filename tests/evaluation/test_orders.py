"""The search for the best order against brute force, its limit and random orders."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from explain.evaluation.orders import best_order, importance_order, width_within


def test_the_largest_score_comes_first_and_of_equal_ones_the_earlier():
    assert importance_order(np.array([1.0, 3.0, 3.0, -5.0])) == (1, 2, 0, 3)


@pytest.mark.parametrize("largest", [True, False])
def test_a_wide_beam_finds_the_best_of_all_orders(largest):
    rng = np.random.default_rng(3)
    scores = rng.normal(size=2**6)

    def value(keep):
        return scores[keep @ (2 ** np.arange(6))]

    def area(order):
        keep = np.ones(6, dtype=bool)
        total = 0.0
        for feature in order:
            keep[feature] = False
            total -= float(value(keep[None])[0])
        return total

    areas = [area(order) for order in permutations(range(6))]
    best = max(areas) if largest else min(areas)
    assert area(best_order(value, 6, 2**6, largest=largest)) == pytest.approx(best)
    narrow = area(best_order(value, 6, 2, largest=largest))
    middle = float(np.median(areas))
    assert (middle < narrow <= best + 1e-12) if largest else (best - 1e-12 <= narrow < middle)


@pytest.mark.parametrize(("features", "limit"), [(10, 400), (30, 1000), (44, 1000), (60, 1000), (100, 1000), (100, 200)])
def test_the_search_keeps_to_its_limit_and_stays_better_than_chance(features, limit):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=features)
    pairs = rng.normal(size=(features, features)) / features
    asked = 0

    def value(keep):
        nonlocal asked
        asked += len(keep)
        return keep @ weights + np.einsum("bi,ij,bj->b", keep, pairs, keep)

    def area(order):
        keep = np.ones((features + 1, features), dtype=bool)
        for k, feature in enumerate(order):
            keep[k + 1 :, feature] = False
        return -value(keep).sum()

    order = best_order(value, features, 4, largest=True, limit=limit)
    assert asked <= limit + 2 * features
    assert sorted(order) == list(range(features))
    assert area(order) > max(area(tuple(rng.permutation(features))) for _ in range(50))
    width = width_within(features, 4, limit)
    assert width == 1 or width * features * (features + 1) / 2 <= limit
