"""Estimators of Shapley values on the same games, sentences above ten players: errors and coverage, as a Markdown table.

    python tests/benchmarks/bench_shapley.py [--games 6] [--models bert-mini:classification ...] [--evaluations 500] [--truth 4000]

A game is a sentence with its tokens masked (classification, masked_lm) or left out (next_token). Error is sum |found - true| /
sum |true|, its mean and median over the games; coverage is the share of players whose 95 % interval holds the true value, where an
estimator gives standard errors; seconds are its own, without the model's. True values are brute force up to twelve players, above them
those of the Gaussian process at `--truth` evaluations. The README beside this file has tables of other sentences.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from explain import TokenExplainer
from explain.methods import shapley_gaussian_process as process
from explain.methods.shapley_sampling import Game, kernel_shap, permutation_shapley
from explain.models.perturbation import Granularity, PerturbedScore, Replacement, groups_of
from explain.types import Array

Estimate = tuple[Array, Array | None]
MODELS = ("distilbert-mini:classification", "bert-mini:classification", "gpt2-mini:next_token")
BRUTE_FORCE = 12
STARTS = ("The film was", "I thought the plot was", "Most of the acting is", "For a first feature it seemed", "Their new series was")
MIDDLES = ("not as good as", "far more gripping than", "too long and too loud for", "a lazy copy of", "a warm and funny answer to")
ENDS = ("the book .", "anyone who loved the first one , sadly .", "what the critics said last week .", "a rainy evening with old friends .")


def sentences() -> list[str]:
    """Of 10 to 22 words, shuffled."""
    made = [f"{start} {middle} {end}" for start in STARTS for middle in MIDDLES for end in ENDS]
    return [made[i] for i in np.random.default_rng(0).permutation(len(made))]


def games(model: str, count: int) -> Iterator[tuple[str, int, Game]]:
    """Name, players and game of the first sentences with 12 to 24 players."""
    name, task = model.split(":")
    with TokenExplainer.from_pretrained(name, task=task) as explainer:
        found = 0
        for text in sentences():
            if task == "masked_lm":
                words = text.split()
                text = " ".join([*words[:-3], "[MASK]", *words[-2:]])
            score = explainer.ask(text).scores[0]
            players = [group for group in groups_of(score.encoding, Granularity.TOKENS) if not group.special]
            if 12 <= len(players) <= 24 and found < count:
                found += 1
                yield text, len(players), PerturbedScore(score, players, Replacement.AUTO)


def odd_part(value: Game, players: int, evaluations: int, seed: int) -> tuple[Array, Array, Array, float]:
    """Coalitions as signs [m, n], half the differences of pairs [m], sizes [m], and half the difference of all and none."""
    keep = process._pairs(players, (evaluations - 2) // 2, np.random.default_rng(seed))
    empty, full = value(np.array([[False], [True]]).repeat(players, axis=1)).tolist()
    return np.where(keep, 1.0, -1.0), (value(keep) - value(~keep)) / 2, keep.sum(1), (full - empty) / 2


def linear(signs: Array, odd: Array, weights: Array, total: float) -> Array:
    """Values by the weighted linear regression that is right for the text itself."""
    inverse = np.linalg.pinv((signs.T * weights) @ signs, hermitian=True)
    plain, ones = inverse @ (signs.T @ (weights * odd)), inverse.sum(1)
    result: Array = 2 * (plain - ones * (plain.sum() - total) / ones.sum())
    return result


def leverage_shap(value: Game, players: int, evaluations: int, seed: int) -> Estimate:
    """Musco & Witter (2024): all sizes alike, in pairs without replacement, then the weighted regression."""
    generator = np.random.default_rng(seed)
    seen: dict[bytes, Array] = {}
    while len(seen) < (evaluations - 2) // 2:
        keep = np.zeros(players, dtype=bool)
        keep[generator.permutation(players)[: generator.integers(1, players)]] = True
        keep ^= keep[0]
        seen[keep.tobytes()] = keep
    rows = np.array(list(seen.values()))
    empty, full = value(np.array([[False], [True]]).repeat(players, axis=1)).tolist()
    sizes = rows.sum(1)
    signs, odd = np.where(rows, 1.0, -1.0), (value(rows) - value(~rows)) / 2
    weights = 1.0 / (sizes * (players - sizes))
    return linear(signs, odd, weights, (full - empty) / 2), None


def third_order(value: Game, players: int, evaluations: int, seed: int) -> Estimate:
    """Odd regression of orders 1 and 3 (PolySHAP, OddSHAP, k-additive SHAP): ridge on the triples, its strength by cross-validation."""
    signs, odd, sizes, total = odd_part(value, players, evaluations, seed)
    sets = np.array(list(combinations(range(players), 3)))
    signs, odd = np.append(signs, np.ones((1, players)), axis=0), np.append(odd, total)
    features = np.concatenate([signs, signs[:, sets].prod(2)], axis=1)
    noise = np.append(np.sqrt(sizes * (players - sizes)), 1e-6)  # nearly none for the text itself, the last

    def fitted(rows: Array, strength: float) -> Array:
        spread = np.concatenate([np.full(players, 1e4), np.full(len(sets), 1 / strength)])
        covariance = (features[rows] * spread) @ features[rows].T + np.diag(noise[rows])
        result: Array = spread * (features[rows].T @ np.linalg.solve(covariance, odd[rows]))
        return result

    folds = np.append(np.arange(len(odd) - 1) % 5, -1)
    losses = {}
    for strength in 10.0 ** np.arange(-2, 4):
        left = [(odd - features @ fitted(folds != fold, strength))[folds == fold] for fold in range(5)]
        losses[strength] = sum(float((part**2 / noise[folds == fold]).sum()) for fold, part in enumerate(left))
    found = fitted(folds > -2, min(losses, key=losses.__getitem__))
    values = 2 * found[:players]
    np.add.at(values, sets, (2 / 3 * found[players:])[:, None])
    return values + (2 * total - values.sum()) / players, None


def trees(value: Game, players: int, evaluations: int, seed: int) -> Estimate:
    """Regression-adjusted Monte Carlo (Witter et al., 2025): boosted trees, and KernelSHAP of what they miss in the other folds."""
    import shap
    from sklearn.ensemble import HistGradientBoostingRegressor

    keep = process._pairs(players, (evaluations - 2) // 2, np.random.default_rng(seed))
    both = np.concatenate([keep, ~keep])
    outcomes = value(both)
    empty, full = value(np.array([[False], [True]]).repeat(players, axis=1)).tolist()
    folds = np.tile(np.arange(len(keep)) % 5, 2)
    values, left = np.zeros(players), outcomes.copy()
    remainder = full - empty
    for fold in range(5):
        fit = folds != fold
        model = HistGradientBoostingRegressor(max_iter=150, learning_rate=0.1, min_samples_leaf=5, max_leaf_nodes=8)
        model.fit(both[fit].astype(float), outcomes[fit])
        explained = shap.TreeExplainer(model, np.zeros((1, players)), feature_perturbation="interventional")
        shares = explained.shap_values(np.ones((1, players)))[0]
        values += shares / 5
        remainder -= shares.sum() / 5
        left[~fit] -= model.predict(both[~fit].astype(float))
    half = len(keep)
    sizes = keep.sum(1)
    weights = 1 / np.sqrt(sizes * (players - sizes))
    signs, odd = np.where(keep, 1.0, -1.0), (left[:half] - left[half:]) / 2
    return values + linear(signs, odd, weights, remainder / 2), None


def seeded(estimate: Callable[..., tuple[Array, Array]], share: float = 1.0) -> Callable[[Game, int, int, int], Estimate]:
    return lambda value, players, evaluations, seed: estimate(value, players, int(evaluations * share), np.random.default_rng(seed))


ESTIMATORS: dict[str, Callable[[Game, int, int, int], Estimate]] = {
    "permutation (antithetic)": seeded(permutation_shapley),
    "KernelSHAP (paired)": seeded(kernel_shap),
    "leverage scores, without replacement": leverage_shap,
    "boosted trees, regression-adjusted": trees,
    "ridge on orders 1 and 3": third_order,
    "Gaussian process": seeded(process.gaussian_process_shapley),
    "Gaussian process, half the evaluations": seeded(process.gaussian_process_shapley, 0.5),
}


def truth(value: Game, players: int, evaluations: int) -> Array:
    """True Shapley values; with all coalitions the Gaussian process has nothing left to guess."""
    number = 2**players if players <= BRUTE_FORCE else evaluations
    return process.gaussian_process_shapley(value, players, number, np.random.default_rng(99))[0]


@dataclass
class Row:
    """What an estimator did on all games."""

    errors: list[float] = field(default_factory=list)
    covered: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def compare(model: str, count: int, evaluations: int, long: int) -> tuple[dict[str, Row], list[int]]:
    rows = {name: Row() for name in ESTIMATORS}
    counts = []
    for seed, (_, players, game) in enumerate(games(model, count)):
        counts.append(players)
        true = truth(game, players, long)
        for name, estimate in ESTIMATORS.items():
            estimate(game, players, evaluations, seed)  # so that the model has answered
            started = time.process_time()
            values, errors = estimate(game, players, evaluations, seed)
            rows[name].seconds.append(time.process_time() - started)
            rows[name].errors.append(float(np.abs(values - true).sum() / np.abs(true).sum()))
            if errors is not None:
                rows[name].covered.append(float(np.mean(np.abs(values - true) < 1.96 * errors)))
    return rows, counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=int, default=2)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--evaluations", type=int, default=500)
    parser.add_argument("--truth", type=int, default=4000)
    given = parser.parse_args()
    for model in given.models:
        rows, counts = compare(model, given.games, given.evaluations, given.truth)
        print(
            f"\n{model}, {len(counts)} sentences of {min(counts)} to {max(counts)} players, {given.evaluations} evaluations\n", flush=True
        )
        print("| estimator | mean error | median error | coverage | seconds |\n| --- | ---: | ---: | ---: | ---: |")
        for name, row in rows.items():
            covered = f"{np.mean(row.covered):.0%}" if row.covered else "–"
            print(
                f"| {name} | {np.mean(row.errors):.1%} | {np.median(row.errors):.1%} | {covered} | {np.mean(row.seconds):.2f} |", flush=True
            )


if __name__ == "__main__":
    main()
