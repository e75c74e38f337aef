"""Shapley values: every order in which the tokens may appear counts alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import shap

from explain.errors import InputError
from explain.methods.method import Method, MethodResult, completeness_gap, option
from explain.methods.shapley_sampling import kernel_shap, permutation_shapley
from explain.models.perturbation import Granularity, Keep, PerturbedScore, Replacement, groups_of, spread
from explain.models.score import Score
from explain.tokens import Word
from explain.types import Array, Family

EXACT_PLAYERS = 10
MOST_EXACT_PLAYERS = 12


class Estimator(StrEnum):
    """How Shapley values are found."""

    AUTO = "auto"
    EXACT = "exact"
    KERNEL = "kernel"
    PERMUTATION = "permutation"
    PARTITION = "partition"


class PlayerMasker(shap.maskers.Text):  # type: ignore[misc]
    """shap's text masker on tokens that are given instead of made: it hands on which players are kept, special ones always.

    So the model is asked by token ids, nothing is tokenized again, and shap's clustering of the text stays in use.
    """

    def __init__(self, tokenizer: Any, groups: Sequence[Word], *, clustered: bool) -> None:
        super().__init__(tokenizer, mask_token=tokenizer.pad_token_id or 0, output_type="token_ids")
        following = [*(group.before for group in groups[1:]), ""]
        texts = ["" if group.special and not group.before else group.text + after for group, after in zip(groups, following, strict=True)]
        self._special = np.array([group.special for group in groups])
        self._segments_s = np.array(texts)
        self._tokenized_s = np.arange(len(groups))
        if not clustered:
            self.clustering = None

    def __call__(self, mask: Keep, s: Any) -> tuple[Keep]:
        return ((mask | self._special)[None],)

    def _update_s_cache(self, s: Any) -> None:
        """The text does not change."""

    def invariants(self, s: Any) -> Keep:
        return self._special[None]

    def data_transform(self, s: Any) -> tuple[list[str]]:
        return (self._segments_s.tolist(),)


@dataclass(frozen=True)
class Shapley(Method):
    """Shapley values of the tokens or words, with the absent ones replaced; in units of the score.

    The scores sum to score(text) - score(text with nothing left): the efficiency gap is reported as `gap`, and for the sampling
    estimators a standard error per token as `maps["standard_error"]`. Special tokens are never taken away and score 0.

    Estimators: *exact* enumerates all 2^n coalitions by shap's Exact explainer. *kernel* is KernelSHAP with paired sampling and
    constrained least squares (Covert & Lee, 2021, arXiv:2012.01536), the most accurate per evaluation. *permutation* averages
    antithetic random orders. *partition* is shap's own default for text: exact Owen values of its clustering, which are not Shapley
    values. *auto* is exact up to 10 players, kernel above. The two samplers are ours because shap's draw from numpy's global
    generator: with two requests at once their results would not repeat. Source: Lundberg & Lee, 2017, arXiv:1705.07874.

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

    estimator: Estimator = option(Estimator.AUTO, "auto is exact up to 10 players and kernel above; partition gives Owen values.")
    evaluations: int = option(
        500, "Most coalitions that a sampling estimator asks for (at least four per player are).", minimum=20, maximum=20_000
    )
    replacement: Replacement = option(Replacement.AUTO, "What takes a token's place; auto is the mask token, or deletion without one.")
    players: Granularity = option(Granularity.TOKENS, "What comes and goes together.")
    seed: int = option(0, "Seed of the sampling estimators.", minimum=0, maximum=2**31 - 1)

    def expected_passes(self, score: Score) -> int:
        players = sum(not group.special for group in groups_of(score.encoding, self.players))
        exact = self.estimator is Estimator.EXACT or (self.estimator is Estimator.AUTO and players <= EXACT_PLAYERS)
        return 2**players if exact else max(self.evaluations, 4 * players)

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
            estimator = Estimator.EXACT if count <= EXACT_PLAYERS else Estimator.KERNEL
        if count < 2:
            full, empty = perturbed(np.array([[True], [False]]).repeat(count, axis=1)) if count else (0.0, 0.0)
            return np.full(count, full - empty), None
        if estimator is Estimator.EXACT:
            if count > MOST_EXACT_PLAYERS:
                raise InputError(
                    f"The exact estimator takes at most {MOST_EXACT_PLAYERS} players, the text has {count}. "
                    "Use the kernel estimator, or words as players."
                )
            return _by_shap(shap.explainers.Exact, score, perturbed, groups, clustered=False), None
        if estimator is Estimator.PARTITION:
            return _by_shap(shap.explainers.Partition, score, perturbed, groups, clustered=True), None
        sample: Callable[..., tuple[Array, Array]] = kernel_shap if estimator is Estimator.KERNEL else permutation_shapley
        return sample(perturbed, count, max(self.evaluations, 4 * count), np.random.default_rng(self.seed))


def _by_shap(explainer: Any, score: Score, perturbed: PerturbedScore, groups: Sequence[Word], *, clustered: bool) -> Array:
    """Values of the players by one of shap's deterministic explainers."""
    masker = PlayerMasker(score.model.tokenizer, groups, clustered=clustered)
    playing = np.array([not group.special for group in groups])

    def ask(keep: Keep) -> Array:
        return perturbed(np.asarray(keep, dtype=bool)[:, playing])

    explained = explainer(ask, masker)(["text"], max_evals=2 ** (MOST_EXACT_PLAYERS + 1), batch_size=256, silent=True)
    values: Array = np.asarray(explained.values[0], dtype=np.float64)[playing]
    return values
