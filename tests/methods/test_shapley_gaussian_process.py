"""Shapley values from a Gaussian process against games whose values are known, and against brute force."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from explain.methods.shapley_gaussian_process import FITTED, Prior, _pairs, gaussian_process_shapley, posterior
from explain.methods.shapley_sampling import kernel_shap
from explain.models.perturbation import Keep
from explain.types import Array
from methods.test_shapley_sampling import brute_force, table_game


def signs(keep: Keep) -> Array:
    return np.where(keep, 1.0, -1.0)


def interactions(players: int, seed: int) -> tuple[Callable[[Keep], Array], Array]:
    """A game of all players, and of pairs, triples and quintuples of the first eight, and its Shapley values.

    The product of the signs of a set changes by 2 from none to all if the set is odd, which its members share, and by 0 if it is even.
    """
    generator = np.random.default_rng(seed)
    sets = [generator.choice(8, size, replace=False) for size in (2, 3, 5) for _ in range(20)]
    weights = generator.normal(size=len(sets)) * np.array([{2: 0.3, 3: 0.15, 5: 0.03}[len(members)] for members in sets])
    single = generator.normal(size=players)
    values = 2 * single
    for members, weight in zip(sets, weights, strict=True):
        values[members] += 2 * weight / len(members) * (len(members) % 2)

    def game(keep: Keep) -> Array:
        x = signs(keep)
        products = np.stack([x[:, members].prod(1) for members in sets], axis=1)
        return x @ single + products @ weights + 1.0

    return game, values


def error(found: Array, values: Array) -> float:
    return float(np.abs(found - values).sum() / np.abs(values).sum())


def test_interactions_of_three_are_learned_and_errors_are_honest() -> None:
    covered, ours, kernels = [], [], []
    for seed in range(12):
        game, values = interactions(16, seed)
        found, errors = gaussian_process_shapley(game, 16, 500, np.random.default_rng(seed))
        assert found.sum() == pytest.approx(values.sum(), abs=1e-9)
        covered.append(np.abs(found - values) < 1.96 * errors)
        ours.append(error(found, values))
        kernels.append(error(kernel_shap(game, 16, 500, np.random.default_rng(seed))[0], values))
    assert np.mean(ours) < 0.6 * np.mean(kernels)
    assert 0.90 < np.mean(covered) < 0.98


@pytest.mark.parametrize(("players", "number"), [(5, 15), (5, 9), (12, 249), (40, 300)])
def test_pairs_come_once_each(players: int, number: int) -> None:
    keep = _pairs(players, number, np.random.default_rng(0))
    both = np.append(keep, ~keep, axis=0)
    assert len(np.unique(both, axis=0)) == len(both) == 2 * number
    assert 0 < both.sum(1).min() <= both.sum(1).max() < players


@pytest.mark.parametrize("seed", [0, 1])
def test_with_all_coalitions_the_values_are_those_of_brute_force(seed: int) -> None:
    game = table_game(8, seed)
    values, errors = gaussian_process_shapley(game, 8, 256, np.random.default_rng(0))
    np.testing.assert_allclose(values, brute_force(game, 8), atol=1e-4)
    assert errors.max() < 1e-2


def test_more_evaluations_come_closer_with_more_pairs_than_decide_the_strengths() -> None:
    game, values = interactions(14, 0)
    few, many = (gaussian_process_shapley(game, 14, number, np.random.default_rng(0)) for number in (200, 3 * FITTED))
    assert error(many[0], values) < 0.4 * error(few[0], values)
    assert many[1].mean() < 0.4 * few[1].mean()


def test_games_with_known_values() -> None:
    def unanimity(keep: Keep) -> Array:
        """All of three players are needed: they share what there is."""
        return 3.0 * keep[:, :3].all(1)

    values, _ = gaussian_process_shapley(unanimity, 12, 500, np.random.default_rng(0))
    np.testing.assert_allclose(values, [1.0] * 3 + [0.0] * 9, atol=0.01)
    worth = np.arange(12.0)
    values, errors = gaussian_process_shapley(lambda keep: keep @ worth, 12, 100, np.random.default_rng(0))
    np.testing.assert_allclose(values, worth, atol=1e-4)
    assert errors.max() < 1e-2
    for constant in (0.0, 2.5):
        values, errors = gaussian_process_shapley(lambda keep, c=constant: np.full(len(keep), c), 12, 100, np.random.default_rng(0))
        assert not values.any()
        assert not errors.any()


def test_values_of_the_kernel_are_those_of_brute_force() -> None:
    """The posterior mean is a game itself: what the process says at every coalition. Its Shapley values by brute force are the same."""
    players = 7
    generator = np.random.default_rng(0)
    prior = Prior(generator.uniform(0.1, 0.6, players), 0.5)
    known = np.append(signs(generator.random((20, players)) < 0.5), np.ones((1, players)), axis=0)
    odd = generator.normal(size=len(known))
    mean, _ = posterior(prior, known, odd)
    weights = np.linalg.solve(prior.covariance(prior.process(known), known), odd)

    def game(keep: Keep) -> Array:
        x = signs(keep)
        process = np.sinh((x * prior.strengths) @ known.T) / np.sinh(prior.strengths.sum())
        return (process + prior.linear * (x @ known.T)) @ weights

    np.testing.assert_allclose(mean, brute_force(game, players), rtol=1e-6, atol=1e-6 * np.abs(mean).max())
