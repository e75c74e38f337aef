"""Sampling estimators of Shapley values of any game `value(keep [B, n]) -> [B]`, with standard errors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np

from explain.models.interruption import checkpoint
from explain.models.perturbation import Keep
from explain.types import Array

Game = Callable[[Keep], Array]
RESAMPLES = 100
DRAWN_AT_ONCE = 256
"""Coalitions that are drawn before others who wait come in between."""


def kernel_shap(value: Game, players: int, evaluations: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """KernelSHAP with paired sampling and constrained least squares: values [n] and standard errors [n].

    Coalitions come in complementary pairs. Sizes that fit into the budget by their share of the Shapley kernel are enumerated, the
    others sampled. Values minimise the kernel-weighted squared error under the constraint that they sum to v(all) - v(none)
    (Lundberg & Lee, 2017; Covert & Lee, 2021). Errors are the spread over bootstrap resamples of the sampled pairs.
    """
    empty, full = value(np.array([[False], [True]]).repeat(players, axis=1)).tolist()
    keep, weights, sampled = _coalitions(players, (evaluations - 2) // 2, generator)
    total = full - empty
    first = keep.astype(np.float64)  # [pairs, n]
    gains = np.stack([value(keep), value(~keep)]) - empty  # [2, pairs]

    def solve(weight: Array) -> Array:
        second = 1.0 - first
        matrix = (first * weight[:, None]).T @ first + (second * weight[:, None]).T @ second
        vector = first.T @ (weight * gains[0]) + second.T @ (weight * gains[1])
        inverse = np.linalg.pinv(matrix, hermitian=True)
        ones = inverse.sum(1)
        values: Array = inverse @ vector - ones * ((ones @ vector - total) / ones.sum())
        return values

    number = int(sampled.sum())
    if number < 2:
        return solve(weights), np.zeros(players)
    draws = generator.multinomial(number, np.full(number, 1 / number), size=RESAMPLES)
    resampled = []
    for draw in draws:
        checkpoint()
        weight = weights.copy()
        weight[sampled] *= draw
        resampled.append(solve(weight))
    return solve(weights), np.std(resampled, axis=0)


def _coalitions(players: int, pairs: int, generator: np.random.Generator) -> tuple[Keep, Array, Keep]:
    """One coalition of each pair [pairs, n], the weight of its pair, and whether it was sampled."""
    sizes = list(range(1, players // 2 + 1))
    mass = np.array([(2 if 2 * s < players else 1) / (s * (players - s)) for s in sizes])
    mass /= mass.sum()
    rows: list[Keep] = []
    weights: list[float] = []
    left = pairs
    for index, size in enumerate(sizes):
        count = comb(players, size) // (2 if 2 * size == players else 1)
        if count > left * mass[index] / mass[index:].sum():
            break
        for chosen in list(combinations(range(players), size))[:count]:
            row = np.zeros(players, dtype=bool)
            row[list(chosen)] = True
            rows.append(row)
            weights.append(float(mass[index]) / count)
        left -= count
    else:
        return np.array(rows), np.array(weights), np.zeros(len(rows), dtype=bool)
    enumerated = len(rows)
    share = mass[index:].sum()
    counts: dict[bytes, int] = {}
    seen: dict[bytes, Keep] = {}
    tries = 0
    while len(seen) < left and tries < 20 * left:
        tries += 1
        if tries % DRAWN_AT_ONCE == 0:
            checkpoint()
        drawn_size = int(generator.choice(sizes[index:], p=mass[index:] / share))
        row = np.zeros(players, dtype=bool)
        row[generator.permutation(players)[:drawn_size]] = True
        if 2 * drawn_size == players and not row[0]:
            row = ~row
        key = row.tobytes()
        counts[key] = counts.get(key, 0) + 1
        seen[key] = row
    drawn = sum(counts.values())
    rows += list(seen.values())
    weights += [share * counts[key] / drawn for key in seen]
    sampled = np.arange(len(rows)) >= enumerated
    return np.array(rows), np.array(weights), sampled


def permutation_shapley(value: Game, players: int, evaluations: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Mean marginal contributions over random orders, each also walked backwards: values [n] and standard errors [n].

    Mitchell et al., 2022, "Sampling Permutations for Shapley Value Estimation".
    """
    pairs = max(2, evaluations // (2 * players))
    found = np.zeros((pairs, players))
    for row in found:
        order = generator.permutation(players)
        for direction in (order, order[::-1]):
            ranks = np.argsort(direction)
            keep = ranks[None, :] < np.arange(players + 1)[:, None]  # coalition k holds the first k players
            row[direction] += np.diff(value(keep)) / 2
    return found.mean(0), found.std(0, ddof=1) / np.sqrt(pairs)
