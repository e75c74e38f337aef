"""Occlusion: leave one token or word out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explain.methods.method import Method, MethodResult
from explain.methods.option import option
from explain.models.perturbation import Granularity, PerturbedScore, Replacement, expected_passes, groups_of, scores_of, spread
from explain.models.score import Score
from explain.types import Family


@dataclass(frozen=True)
class Occlusion(Method):
    """score(text) - score(text without the token), for every token or longer segment by itself, in batches.

    In units of the score. A segment's score is shared equally by its tokens; special tokens are never left out and score 0.
    Source: Zeiler & Fergus, 2014, arXiv:1311.2901; Li et al., 2016, arXiv:1612.08220.

    Raises:
        InputError: The text has no segments of the granularity.
        UnsupportedError: The tokenizer has no token for the chosen replacement.
    """

    name = "occlusion"
    title = "Occlusion"
    summary = "How much the score falls when a token is left out."
    caution = "One at a time: two tokens that can stand in for each other both look unimportant."
    reference = "Zeiler & Fergus 2014, arXiv:1311.2901; Li et al. 2016, arXiv:1612.08220"
    family = Family.EXTERNAL
    signed = True

    replacement: Replacement = option(Replacement.AUTO, "What takes a token's place; auto is the mask token, or deletion without one.")
    granularity: Granularity = option(Granularity.TOKENS, "What is left out together.")

    def expected_passes(self, score: Score) -> int:
        return expected_passes(score, [group for group in groups_of(score.encoding, self.granularity) if not group.special], None)

    def compute(self, score: Score) -> MethodResult:
        return self.compute_many([score])[0]

    def compute_many(self, scores: Sequence[Score]) -> list[MethodResult]:
        features = [[group for group in groups_of(score.encoding, self.granularity) if not group.special] for score in scores]
        perturbed = [PerturbedScore(score, own, self.replacement) for score, own in zip(scores, features, strict=True)]
        kept = [np.vstack([np.ones((1, len(own)), dtype=bool), ~np.eye(len(own), dtype=bool)]) for own in features]
        found = []
        for score, own, values in zip(scores, features, scores_of(list(zip(perturbed, kept, strict=True))), strict=True):
            fall = spread(own, values[0] - values[1:], len(score.encoding.tokens))
            found.append(MethodResult(fall, output=float(values[0])))
        return found
