"""Layer-wise relevance propagation, right for Transformers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from explain.methods.lrp_rules import Ledger, Variant, rules
from explain.methods.method import Method, MethodResult
from explain.methods.option import option
from explain.models.passes import Recording, hidden_of
from explain.models.score import Score
from explain.types import Array, Family


@dataclass(frozen=True)
class LRP(Method):
    """Relevance of the tokens under AttnLRP (Achtibat et al., 2024, arXiv:2402.05602) or its conservative variant (Ali et al., 2022).

    In units of the score. The rules of `lrp_rules` change the backward pass, so that gradient x input at the embedding layer (captum's
    too) is the relevance. captum's own LRP class has no rule for embeddings and does not see attention, softmax and residuals at all;
    it refuses Transformers. AttnLRP does not conserve: what constants (biases, position and type embeddings), the softmax of
    attention and the normalisation of a (log-)probability absorb is accounted for in `maps["ledger"]` = [sum of the scores, constants,
    softmax, normalisation], which sum to the score; the relative gap of that sum is reported as `gap`.
    `maps["layers_self"]` (or `_encoder`, `_decoder`) holds the relevance [layers, tokens] after every layer.

    Raises:
        UnsupportedError: The model hides its attention.
    """

    name = "lrp"
    title = "LRP"
    summary = "Hands the score back layer by layer to the tokens, each operation dividing it among its inputs."
    caution = "Part of the score stays with biases and softmax, so the scores do not sum to it; the ledger says how much."
    reference = "Achtibat et al. 2024, arXiv:2402.05602; Ali et al. 2022, arXiv:2202.07304; Bach et al. 2015"
    family = Family.EXTERNAL
    signed = True
    needs_attention = True

    variant: Variant = option(Variant.ATTN_LRP, "attn_lrp, or the conservative variant that takes attention weights as constants.")
    ledger: bool = option(True, "Account for what biases and softmax absorb (the same backward pass).")

    def expected_passes(self, score: Score) -> int:
        return 3

    def compute(self, score: Score) -> MethodResult:
        embeddings = score.embeddings().requires_grad_()
        ledger, recording, instruments = Ledger(), Recording(), score.model.instruments
        with torch.enable_grad(), rules(instruments, self.variant, ledger, keep=self.ledger), instruments.layers(recording):
            value = score.of_embeddings(embeddings)[0]
        if not self.ledger:
            return MethodResult(_tokens(_flow(embeddings, torch.autograd.grad(value, embeddings)[0])), float(value.detach()))
        hidden = {layer: hidden_of(calls[-1]) for layer, calls in recording.outputs.items()}
        relevance, account, states = _account(value, embeddings, ledger, list(hidden.values()))
        layers: dict[str, list[Array]] = {}
        for (group, _), state in zip(hidden, states, strict=True):
            layers.setdefault(f"layers_{group}", []).append(_tokens(state))
        output, scores = float(value.detach()), _tokens(relevance)
        account = np.concatenate([[scores.sum()], account])
        gap = abs(account.sum() - output) / max(abs(output), float(np.abs(account).max()), 1e-12)
        maps = {"ledger": account, **{group: np.stack(rows) for group, rows in layers.items()}}
        return MethodResult(scores, output, gap=float(gap), tolerance=1e-3, maps=maps)


def _account(
    value: torch.Tensor, embeddings: torch.Tensor, ledger: Ledger, hidden: list[torch.Tensor]
) -> tuple[torch.Tensor, Array, list[torch.Tensor]]:
    """Relevance at the embeddings, what constants, softmax and normalisation absorb, and relevance of the states, in one backward pass."""
    attention = {id(weights) for weights in ledger.attention}
    pairs = [pair for pair in ledger.normalised if id(pair[1]) not in attention and pair[1].requires_grad]
    given, normal = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    parts = [[embeddings], ledger.constants, ledger.weights, ledger.scores, normal, given, hidden]
    gradients = iter(torch.autograd.grad(value, [leaf for part in parts for leaf in part], allow_unused=True))
    flows = [[_flow(leaf, next(gradients)) for leaf in part] for part in parts]
    constants, weights, scores, after, before = (sum(float(flow.sum()) for flow in part) for part in flows[1:6])
    return flows[0][0], np.array([constants, (weights - scores) / 2, after - before]), flows[6]


def _tokens(flow: torch.Tensor) -> Array:
    """Relevance [1, n, d] as one number per token [n]."""
    return np.asarray(flow[0].sum(-1).cpu())


def _flow(leaf: torch.Tensor, gradient: torch.Tensor | None) -> torch.Tensor:
    return torch.zeros_like(leaf, dtype=torch.float64) if gradient is None else leaf.detach().double() * gradient.double()
