"""Shapley values: every order in which the tokens may appear counts alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module

import numpy as np

from explain.completeness import completeness_gap
from explain.errors import InputError
from explain.methods.method import Method, MethodResult
from explain.methods.option import option
from explain.methods.shapley_sampling import kernel_shap, permutation_shapley
from explain.models.perturbation import Granularity, PerturbedScore, Replacement, expected_passes, groups_of, spread
from explain.models.score import Score
from explain.tokens import Word
from explain.types import Array, Family

EXACT_PLAYERS = 10
MOST_EXACT_PLAYERS = 12


class Estimator(StrEnum):
    """How Shapley values are found."""

    AUTO = "auto"
    EXACT = "exact"
    GAUSSIAN_PROCESS = "gaussian_process"
    KERNEL = "kernel"
    PERMUTATION = "permutation"
    PARTITION = "partition"


@dataclass(frozen=True)
class Shapley(Method):
    """Shapley values of the tokens or words, with the absent ones replaced; in units of the score.

    The scores sum to score(text) - score(text with nothing left): the efficiency gap is reported as `gap`, and for the sampling
    estimators a standard error per token as `maps["standard_error"]`. Special tokens are never taken away and score 0.

    Estimators: *exact* enumerates all 2^n coalitions by shap's Exact explainer. *gaussian_process* also learns how the players interact
    (after Rundel et al., 2026), the most accurate per evaluation: tests/benchmarks/README.md compares. *kernel* is KernelSHAP with
    paired sampling and constrained least squares (Covert & Lee, 2021, arXiv:2012.01536). *permutation* averages antithetic random
    orders. *partition* is shap's own default for text: exact Owen values of its clustering, which are not Shapley values. *auto* is
    exact up to 10 players, gaussian_process above. The samplers are ours because shap's draw from numpy's global generator: with two
    requests at once their results would not repeat. Source: Lundberg & Lee, 2017, arXiv:1705.07874.

    Raises:
        InputError: Too many players for the exact estimator.
        UnsupportedError: The tokenizer has no token for the chosen replacement.
    """

    name = "shap"
    title = "SHAP"
    summary = "A token's mean effect on the score over all the orders in which tokens may appear."
    caution = "Judged on texts with holes, which the model has seldom seen; sampled values carry a standard error."
    reference = "Lundberg & Lee 2017, arXiv:1705.07874; Covert & Lee 2021, arXiv:2012.01536"
    family = Family.EXTERNAL
    signed = True
    complete = True

    estimator: Estimator = option(Estimator.AUTO, "auto is exact up to 10 players and gaussian_process above; partition gives Owen values.")
    evaluations: int = option(
        500, "Most coalitions that a sampling estimator asks for (at least four per player are).", minimum=20, maximum=20_000
    )
    replacement: Replacement = option(Replacement.AUTO, "What takes a token's place; auto is the mask token, or deletion without one.")
    players: Granularity = option(Granularity.TOKENS, "What comes and goes together.")
    seed: int = option(0, "Seed of the sampling estimators.", minimum=0, maximum=2**31 - 1)

    def prepare(self) -> None:
        if self.estimator in (Estimator.AUTO, Estimator.EXACT, Estimator.PARTITION):
            import_module("explain.methods.shap_explainers")
        if self.estimator in (Estimator.AUTO, Estimator.GAUSSIAN_PROCESS):
            import_module("explain.methods.shapley_gaussian_process")

    def expected_passes(self, score: Score) -> int:
        players = [group for group in groups_of(score.encoding, self.players) if not group.special]
        exact = self.estimator is Estimator.EXACT or (self.estimator is Estimator.AUTO and len(players) <= EXACT_PLAYERS)
        return expected_passes(score, players, 2 ** len(players) if exact else max(self.evaluations, 4 * len(players)))

    def compute(self, score: Score) -> MethodResult:
        groups = groups_of(score.encoding, self.players)
        players = [group for group in groups if not group.special]
        length = len(score.encoding.tokens)
        perturbed = PerturbedScore(score, players, self.replacement)
        baseline_output, output = perturbed(np.array([[False], [True]]).repeat(len(players), axis=1)).tolist()
        values, errors = self._values(score, perturbed, groups, players)
        scores = spread(players, values, length)
        maps = {} if errors is None else {"standard_error": spread(players, errors, length)}
        gap = completeness_gap(scores, output, baseline_output)
        return MethodResult(scores, output, baseline_output, gap, tolerance=1e-3, maps=maps)

    def _values(
        self, score: Score, perturbed: PerturbedScore, groups: Sequence[Word], players: Sequence[Word]
    ) -> tuple[Array, Array | None]:
        count = len(players)
        estimator = self.estimator
        if estimator is Estimator.AUTO:
            estimator = Estimator.EXACT if count <= EXACT_PLAYERS else Estimator.GAUSSIAN_PROCESS
        if count < 2:
            full, empty = perturbed(np.array([[True], [False]]).repeat(count, axis=1)) if count else (0.0, 0.0)
            return np.full(count, full - empty), None
        if estimator is Estimator.EXACT and count > MOST_EXACT_PLAYERS:
            raise InputError(
                f"The exact estimator takes at most {MOST_EXACT_PLAYERS} players, the text has {count}. "
                "Use the gaussian_process estimator, or words as players."
            )
        if estimator in (Estimator.EXACT, Estimator.PARTITION):
            from explain.methods import shap_explainers

            ask = shap_explainers.exact if estimator is Estimator.EXACT else shap_explainers.partition
            return ask(score, perturbed, groups), None
        if estimator is Estimator.GAUSSIAN_PROCESS:
            from explain.methods.shapley_gaussian_process import gaussian_process_shapley as sample
        else:
            sample = kernel_shap if estimator is Estimator.KERNEL else permutation_shapley
        return sample(perturbed, count, max(self.evaluations, 4 * count), np.random.default_rng(self.seed))
