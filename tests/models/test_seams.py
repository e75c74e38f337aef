"""Experts under LRP's rules: what a router says takes nothing, and what a caller computes does not change."""

from __future__ import annotations

import pytest
import torch
import transformers as t
from torch import Tensor, nn
from zoo import IDS, STACK, TEXT, tokenizer

from explain import LRP, TokenExplainer
from explain.models import seams

EXPERTS = {"num_experts_per_tok": 2, "num_key_value_heads": 2}


def mixtral() -> t.MixtralForCausalLM:
    torch.manual_seed(0)
    return t.MixtralForCausalLM(t.MixtralConfig(**STACK, **IDS, **EXPERTS, num_local_experts=4))


def test_a_router_s_weights_take_no_relevance_from_the_experts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its rule a half of what an expert says would be the router's: other scores, of which nothing is lost either."""
    found = []
    for rule in (seams.replace_expert_inputs, lambda module, given, named: None):
        monkeypatch.setattr(seams, "replace_expert_inputs", rule)
        with TokenExplainer(mixtral(), tokenizer(opening=True), task="next_token") as explainer:
            found.append(explainer.analyze(TEXT, [LRP()])["lrp"])
    assert all(one.gap < 1e-6 for one in found)
    assert abs(found[0].scores - found[1].scores).max() > 0.01 * abs(found[0].scores).max()


def test_a_plain_pass_is_the_model_s_own() -> None:
    model = mixtral().eval()
    ids = tokenizer(opening=True)(TEXT, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        before = model(ids).logits
        with TokenExplainer(model, tokenizer(opening=True), task="next_token") as explainer:
            assert torch.equal(model(ids).logits, before)
            explainer.analyze(TEXT, [LRP()])
            assert torch.equal(model(ids).logits, before)
    assert not any(module._forward_pre_hooks or module._forward_pre_hooks_with_kwargs for module in model.modules())


class Doubling(nn.Module):
    """Multiplies its state by what a router says."""

    def __init__(self) -> None:
        super().__init__()
        self.gate_up_proj = nn.Parameter(torch.ones(1, 1, 1))

    def forward(self, state: Tensor, index: Tensor, weights: Tensor) -> Tensor:
        return state * weights


def test_states_weights_and_indices_of_experts_are_told_apart() -> None:
    made = Doubling()
    made.register_forward_pre_hook(seams.replace_expert_inputs, with_kwargs=True)
    state, index, weights = torch.ones(2), torch.ones(2, dtype=torch.long), torch.full((2,), 3.0)
    assert made(state, index, weights).tolist() == [3.0, 3.0]
    rules = seams.Nonlinear(lambda given, output: output, lambda value: value * 7)
    with seams.active(seams.NONLINEAR, rules):
        assert made(state, index, weights).tolist() == [21.0, 21.0]
        assert made(state, index, weights=weights).tolist() == [21.0, 21.0]
    assert made(state, index, weights).tolist() == [3.0, 3.0]
