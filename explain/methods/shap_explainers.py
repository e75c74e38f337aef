"""shap's deterministic explainers, asked about tokens; in a file of its own because shap takes a second to import."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import shap
from numba.extending import is_jitted

from explain.models.perturbation import Keep, PerturbedScore
from explain.models.score import Score
from explain.tokens import Word
from explain.types import Array

EVALUATIONS = 2**13
"""The most that shap may ask: more than all coalitions of as many players as the exact estimator takes."""
COMPILED = [
    (module, name, loop)
    for place, module in list(sys.modules.items())
    if place.startswith(("shap.explainers.", "shap.utils."))
    for name, loop in vars(module).items()
    if is_jitted(loop)
]
"""Loops that shap compiles when they first run; its newer versions have none."""


@contextmanager
def interpreted() -> Iterator[None]:
    """Run shap's loops as plain Python: every process would compile them for seconds, and beside the model they take milliseconds."""
    for module, name, loop in COMPILED:
        setattr(module, name, loop.py_func)
    try:
        yield
    finally:
        for module, name, loop in COMPILED:
            setattr(module, name, loop)


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


def exact(score: Score, perturbed: PerturbedScore, groups: Sequence[Word]) -> Array:
    """Shapley values of the players by all coalitions."""
    return _values(shap.explainers.Exact, score, perturbed, groups, clustered=False)


def partition(score: Score, perturbed: PerturbedScore, groups: Sequence[Word]) -> Array:
    """Owen values of the players by shap's clustering of the text."""
    return _values(shap.explainers.Partition, score, perturbed, groups, clustered=True)


def _values(explainer: Any, score: Score, perturbed: PerturbedScore, groups: Sequence[Word], *, clustered: bool) -> Array:
    """Values of the players by one of shap's deterministic explainers."""
    masker = PlayerMasker(score.model.tokenizer, groups, clustered=clustered)
    playing = np.array([not group.special for group in groups])

    def ask(keep: Keep) -> Array:
        return perturbed(np.asarray(keep, dtype=bool)[:, playing])

    with interpreted():
        explained = explainer(ask, masker)(["text"], max_evals=EVALUATIONS, batch_size=256, silent=True)
    values: Array = np.asarray(explained.values[0], dtype=np.float64)[playing]
    return values
