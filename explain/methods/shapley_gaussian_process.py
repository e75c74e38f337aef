"""Shapley values of any game from a Gaussian process over coalitions, with standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from explain.methods.shapley_sampling import Game
from explain.models.interruption import checkpoint
from explain.models.perturbation import Keep
from explain.types import Array

FITTED = 400
"""Pairs of coalitions that decide the strengths of the players at most; the values are conditioned on all pairs."""
ITERATIONS = 40
NODES = 32
JITTER = 1e-8


def gaussian_process_shapley(value: Game, players: int, evaluations: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Posterior mean of the Shapley values [n] and its standard deviation [n].

    Coalitions come in complementary pairs, none twice. With a coalition as x in {-1, 1}^n, Shapley values only
    see the odd part of a game, (v(x) - v(-x)) / 2. KernelSHAP fits it by a linear function and takes interactions of three, five, …
    players for noise; here they are learned as well. The prior is a linear function plus a Gaussian process with the odd part of the
    product kernel prod_i(1 + tanh(s_i) x_i y_i), sinh(sum_i s_i x_i y_i), which holds all odd interactions, each as large as its
    players are strong. The strengths s_i maximise the likelihood. Nothing is taken for noise, so that the values sum to
    v(all) - v(none), and are exact when all coalitions were asked. Memory grows with the square of the evaluations (0.8 GB at 10,000).

    Gaussian processes over coalitions: Rundel et al., 2026, "ShaplEIG: Bayesian Experimental Design for Shapley Value Estimation";
    the odd part: Fumagalli et al., 2026, "OddSHAP"; pairs: Covert & Lee, 2021.
    """
    empty, full = value(np.array([[False], [True]]).repeat(players, axis=1)).tolist()
    keep = _pairs(players, (evaluations - 2) // 2, generator)
    odd = np.append(value(keep) - value(~keep), full - empty) / 2  # [m], the text itself last
    scale = float(np.sqrt((odd**2).mean()))
    if scale == 0:
        return np.zeros(players), np.zeros(players)
    signs = np.where(np.append(keep, np.ones((1, players), dtype=bool), axis=0), 1.0, -1.0)  # [m, n]
    few = np.append(generator.permutation(len(keep))[:FITTED], len(keep))
    with threadpool_limits(1, user_api="blas"):  # more gain little on small matrices, and wait for each other on busy machines
        values, errors = posterior(fitted(signs[few], odd[few] / scale), signs, odd / scale)
    values *= scale
    return values + (full - empty - values.sum()) / players, errors * scale


def _pairs(players: int, number: int, generator: np.random.Generator) -> Keep:
    """One coalition of each pair [pairs, n], drawn without replacement; the first player is never in it.

    Sizes weigh 1 / sqrt(s (n - s)), between the Shapley kernel's 1 / (s (n - s)) and the equal leverage scores of all sizes (Musco &
    Witter, 2024): on the games of the benchmark that was best.
    """
    sizes = np.arange(1, players)
    weights = 1 / np.sqrt(sizes * (players - sizes))
    every = 2 ** (players - 1) - 1
    if number > every // 2:
        all_pairs: Keep = (np.arange(1, every + 1)[:, None] >> np.arange(-1, players - 1).clip(0)) % 2 == 1
        all_pairs[:, 0] = False
        size = all_pairs.sum(1)
        chances = weights[size - 1] / np.bincount(size)[size]
        chosen = generator.choice(every, min(number, every), replace=False, p=chances / chances.sum())
        drawn: Keep = all_pairs[chosen]
        return drawn
    found: dict[bytes, Keep] = {}
    while len(found) < number:
        checkpoint()
        size = generator.choice(sizes, number, p=weights / weights.sum())
        ranks = generator.random((number, players)).argsort(1).argsort(1)
        keep = ranks < size[:, None]
        keep ^= keep[:, :1]
        found.update((row.tobytes(), row) for row in keep)
    return np.array(list(found.values())[:number])


@dataclass(frozen=True)
class Prior:
    """Up to a common factor: linear function with independent coefficients of variance `linear`, and odd process of variance 1.

    Attributes:
        strengths: How much each player takes part in interactions [n].
        linear: Variance of a coefficient of the linear function.
    """

    strengths: Array
    linear: float

    def process(self, signs: Array) -> Array:
        """Covariance of the odd process [m, m]: sinh of the inner products that the strengths weigh, 1 for a text with itself."""
        total = self.strengths.sum()
        inner = (signs * self.strengths) @ signs.T
        down = np.exp(-inner - total)
        inner -= total
        np.exp(inner, out=inner)
        inner -= down
        inner /= 1 - np.exp(-2 * total)
        return inner

    def covariance(self, process: Array, signs: Array) -> Array:
        """Covariance of the values [m, m], with what Cholesky's factors need on the diagonal."""
        covariance = process + self.linear * (signs @ signs.T)
        covariance[np.diag_indices_from(covariance)] += JITTER * (1 + self.linear * len(self.strengths))
        return covariance


def fitted(signs: Array, odd: Array) -> Prior:
    """The prior of largest likelihood, with a weak log-normal prior on the strengths."""
    pairs, players = signs.shape
    products = signs @ signs.T
    centre = np.log(1.5 / np.sqrt(players))
    coefficients = np.linalg.lstsq(signs, odd, rcond=None)[0]
    left = ((odd - signs @ coefficients) ** 2).mean() + 1e-9
    start = np.append(np.full(players, centre), np.log((coefficients**2).mean() / left + 1e-9))

    def loss(logs: Array) -> tuple[float, Array]:
        """Negative log likelihood with the common factor at its best, and its gradient."""
        checkpoint()
        prior = Prior(np.exp(logs[:-1]), float(np.exp(logs[-1])))
        process = prior.process(signs)
        covariance = prior.covariance(process, signs)
        inverse = np.linalg.inv(covariance)
        solved = inverse @ odd
        variance = odd @ solved / pairs
        by_covariance = (inverse - np.outer(solved, solved) / variance) / 2
        total = prior.strengths.sum()
        slope = np.hypot(process, 1 / np.sinh(total))  # the hyperbolic cosine where `process` is the sine
        by_strength = (signs * ((by_covariance * slope) @ signs)).sum(0) - (by_covariance * process).sum() / np.tanh(total)
        by_linear = (by_covariance * products).sum() + JITTER * players * np.trace(by_covariance)
        away = logs[:-1] - centre
        determinant = np.linalg.slogdet(covariance)[1]
        gradient = np.append(prior.strengths * by_strength + away, prior.linear * by_linear)
        return (pairs * np.log(variance) + determinant + away @ away) / 2, gradient

    bounds = [(-7.0, 1.0)] * players + [(-20.0, 20.0)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": ITERATIONS}).x
    return Prior(np.exp(found[:-1]), float(np.exp(found[-1])))


def posterior(prior: Prior, signs: Array, odd: Array) -> tuple[Array, Array]:
    """Mean [n] and standard deviation [n] of the Shapley values given the odd part at some coalitions.

    The values of a game are integrals over its multilinear extension (Owen, 1972): of its derivative by a player where all players
    are equally likely. They are taken of the kernel with Gauss-Legendre nodes, exact up to 64 players.
    """
    pairs, players = signs.shape
    nodes, weights = np.polynomial.legendre.leggauss(min((players + 1) // 2, NODES))
    slopes = np.tanh(prior.strengths)
    total = prior.strengths.sum()
    norm = 2 * np.exp(np.log(np.cosh(prior.strengths)).sum() - total) / (1 - np.exp(-2 * total))
    with_values = 2 * prior.linear * signs  # covariance of the Shapley values with the odd part [m, n]
    for node, weight in zip(nodes, weights, strict=True):
        checkpoint()
        factors = 1 + node * slopes * signs
        with_values += weight * norm * slopes * signs * np.exp(np.log(factors).sum(1, keepdims=True)) / factors
    factors = 1 + np.outer(nodes, nodes)[:, :, None] * slopes  # [nodes, nodes, n]
    masses = np.outer(weights, weights)[:, :, None] * np.exp(np.log(factors).sum(2, keepdims=True))
    variances = 4 * prior.linear + norm * slopes * (masses / factors).sum((0, 1))
    triangle = np.linalg.cholesky(prior.covariance(prior.process(signs), signs))
    solved = solve_triangular(triangle, np.column_stack([with_values, odd]), lower=True)
    known, mean = solved[:, :-1], solved[:, -1]
    factor = mean @ mean / max(pairs - players, 1)  # as many strengths were fitted
    return known.T @ mean, np.sqrt(factor * np.maximum(variances - (known**2).sum(0), 0))
