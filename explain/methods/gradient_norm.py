"""Gradient norm."""

from __future__ import annotations

from dataclasses import dataclass

from explain.methods.method import Method, MethodResult
from explain.models.memory import passes_again
from explain.models.score import Score
from explain.types import Family


@dataclass(frozen=True)
class GradientNorm(Method):
    """The Euclidean norm of the gradient of the score with respect to each token's embedding.

    In units of the score per unit of embedding: how sensitive the score is to a token, in no direction. Taken at the output of the
    embedding layer; the gradient is shared with gradient x input. Source: Simonyan et al., 2014, arXiv:1312.6034; Li et al., 2016,
    arXiv:1506.01066.
    """

    name = "gradient_norm"
    title = "Gradient norm"
    summary = "How sensitive the score is to a small change of a token's embedding, in any direction."
    caution = "Has no sign and no fixed sum: it ranks tokens, it does not share out the score."
    reference = "Simonyan et al. 2014, arXiv:1312.6034; Li et al. 2016, arXiv:1506.01066"
    family = Family.EXTERNAL
    reads_gradient = True
    signed = False

    def expected_passes(self, score: Score) -> int:
        return 2 + passes_again(score.model, len(score.encoding.tokens))

    def compute(self, score: Score) -> MethodResult:
        _, gradient = score.gradient()
        return MethodResult(gradient.double().norm(dim=-1)[0])  # [n]
