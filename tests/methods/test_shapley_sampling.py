"""The sampling estimators against brute force over all subsets, and the axioms."""

from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest

from explain.methods.shapley_gaussian_process import gaussian_process_shapley
from explain.methods.shapley_sampling import kernel_shap, permutation_shapley
from explain.models.perturbation import Keep
from explain.types import Array


def brute_force(value: Any, players: int) -> Array:
    """Shapley's formula, subset by subset."""
    values = np.zeros(players)
    for player in range(players):
        others = [other for other in range(players) if other != player]
        for size in range(players):
            weight = factorial(size) * factorial(players - size - 1) / factorial(players)
            for chosen in combinations(others, size):
                keep = np.zeros((2, players), dtype=bool)
                keep[:, list(chosen)] = True
                keep[1, player] = True
                without, with_it = value(keep)
                values[player] += weight * (with_it - without)
    return values


def table_game(players: int, seed: int) -> Any:
    table = np.random.default_rng(seed).normal(size=2**players)
    return lambda keep: table[np.asarray(keep) @ (1 << np.arange(players))]


@pytest.mark.parametrize("estimate", [kernel_shap, permutation_shapley])
def test_standard_errors_are_of_the_right_size(estimate: Any) -> None:
    misses = []
    for seed in range(6):
        game = table_game(9, seed)
        exact = brute_force(game, 9)
        values, errors = estimate(game, 9, 200, np.random.default_rng(seed))
        assert values.sum() == pytest.approx(game(np.ones((1, 9), bool))[0] - game(np.zeros((1, 9), bool))[0], abs=1e-9)
        misses += list(np.abs(values - exact) / np.maximum(errors, 1e-12))
    assert np.mean(np.array(misses) < 4) > 0.95
    assert np.median(misses) > 0.1


@pytest.mark.parametrize("estimate", [gaussian_process_shapley, kernel_shap, permutation_shapley])
def test_equal_players_get_the_same_and_a_null_player_nothing(estimate: Any) -> None:
    def game(keep: Keep) -> Array:
        keep = np.asarray(keep)
        return 3.0 * (keep[:, 0] & keep[:, 1]) + 1.0 * keep[:, 2]

    values, _ = estimate(game, 5, 2000, np.random.default_rng(0))
    np.testing.assert_allclose(values, [1.5, 1.5, 1.0, 0.0, 0.0], atol=0.05)
