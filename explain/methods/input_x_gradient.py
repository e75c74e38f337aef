"""Gradient x input."""

from __future__ import annotations

from dataclasses import dataclass

from explain.methods.method import Method, MethodResult
from explain.models.memory import passes_again
from explain.models.score import Score
from explain.types import Family


@dataclass(frozen=True)
class InputXGradient(Method):
    """The gradient of the score with respect to each token's embedding, times that embedding, summed over its dimensions.

    In units of the score: the first-order effect of scaling a token's embedding. Taken at the output of the embedding layer, and equal
    to captum's InputXGradient there; the gradient is shared with the gradient norm. Source: Shrikumar et al., 2016, arXiv:1605.01713.
    """

    name = "input_x_gradient"
    title = "Gradient x input"
    summary = "How the score would change if a token's embedding were scaled a little."
    caution = "A local slope: where the model is saturated it misses tokens that matter; the scores have no fixed sum."
    reference = "Shrikumar et al. 2016, arXiv:1605.01713"
    family = Family.EXTERNAL
    reads_gradient = True
    signed = True

    def expected_passes(self, score: Score) -> int:
        return 2 + passes_again(score.model, len(score.encoding.tokens))

    def compute(self, score: Score) -> MethodResult:
        embeddings, gradient = score.gradient()
        return MethodResult((embeddings * gradient).sum(-1)[0])  # [n]
