"""Layer-wise relevance propagation, right for Transformers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import InputXGradient as CaptumInputXGradient

from explain.methods.lrp_rules import Ledger, Variant, rules
from explain.methods.method import Method, MethodResult, option
from explain.models.passes import Layer, Recording, hidden_of
from explain.models.score import Score
from explain.types import Array, Family


@dataclass(frozen=True)
class LRP(Method):
    """Relevance of the tokens under AttnLRP (Achtibat et al., 2024, arXiv:2402.05602) or its conservative variant (Ali et al., 2022).

    In units of the score. The rules of `lrp_rules` change the backward pass, so that captum's gradient x input at the embedding layer
    is the relevance. captum's own LRP class has no rule for embeddings and does not see attention, softmax and residuals at all;
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
    ledger: bool = option(True, "Account for what biases and softmax absorb (one more backward pass).")

    def expected_passes(self, score: Score) -> int:
        return 3

    def compute(self, score: Score) -> MethodResult:
        embeddings = score.embeddings().requires_grad_()
        with rules(score.model.instruments, self.variant, Ledger()):
            relevance = CaptumInputXGradient(score.of_embeddings).attribute(embeddings)
        scores = relevance.detach().double().sum(-1)[0].cpu().numpy()  # [n]
        if not self.ledger:
            return MethodResult(scores)
        output, account, layers = _account(score, embeddings, self.variant)
        account = np.concatenate([[scores.sum()], account])
        gap = abs(account.sum() - output) / max(abs(output), float(np.abs(account).max()), 1e-12)
        maps = {"ledger": account, **layers}
        return MethodResult(scores, output, gap=float(gap), tolerance=1e-3, maps=maps)


def _account(score: Score, embeddings: torch.Tensor, variant: Variant) -> tuple[float, Array, dict[str, Array]]:
    """The score, what constants and softmax absorb of it, and the relevance of every hidden state."""
    ledger = Ledger()
    recording = Recording()
    instruments = score.model.instruments
    with torch.enable_grad(), rules(instruments, variant, ledger, keep=True), instruments.layers(recording):
        value = score.of_embeddings(embeddings)[0]
    hidden: dict[Layer, torch.Tensor] = {layer: hidden_of(calls[-1]) for layer, calls in recording.outputs.items()}
    attention = {id(weights) for weights in ledger.attention}
    pairs = [pair for pair in ledger.normalised if id(pair[1]) not in attention and pair[1].requires_grad]
    given, normal = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    parts = [ledger.constants, ledger.weights, ledger.scores, normal, given, list(hidden.values())]
    gradients = iter(torch.autograd.grad(value, [leaf for part in parts for leaf in part], allow_unused=True))
    flows = [[_flow(leaf, next(gradients)) for leaf in part] for part in parts]
    constants, weights, scores, after, before = (sum(float(flow.sum()) for flow in part) for part in flows[:5])
    layers: dict[str, list[Array]] = {}
    for (group, _), flow in zip(hidden, flows[5], strict=True):
        layers.setdefault(f"layers_{group}", []).append(flow[0].sum(-1).cpu().numpy())
    account = np.array([constants, (weights - scores) / 2, after - before])
    return float(value.detach()), account, {group: np.stack(rows) for group, rows in layers.items()}


def _flow(leaf: torch.Tensor, gradient: torch.Tensor | None) -> torch.Tensor:
    return torch.zeros_like(leaf, dtype=torch.float64) if gradient is None else leaf.detach().double() * gradient.double()
