"""Experts and computed positions under LRP's rules: nothing of the score is lost, and what a caller computes does not change."""

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


def m2m() -> t.M2M100ForConditionalGeneration:
    torch.manual_seed(0)
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    sizes = {"encoder_layers": 2, "decoder_layers": 2, "d_model": 32, "max_position_embeddings": 64, "init_std": 0.3}
    return t.M2M100ForConditionalGeneration(t.M2M100Config(**IDS, **heads, **sizes, decoder_start_token_id=2, bos_token_id=1))


@pytest.mark.parametrize(("model", "task", "target"), [(mixtral, "next_token", None), (m2m, "generation", "good bad")])
def test_relevance_is_accounted_for(model: type, task: str, target: str | None) -> None:
    """The scores and what the ledger holds sum to the score, to 1e-4 of the largest of them."""
    with TokenExplainer(model(), tokenizer(opening=True), task=task) as explainer:
        for text in (TEXT, "a bad plot saved it"):
            assert explainer.analyze(text, [LRP()], target=target)["lrp"].gap < 1e-4


def test_half_an_expert_s_relevance_would_be_missing_without_its_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seams, "replace_expert_inputs", lambda module, given, named: None)
    with TokenExplainer(mixtral(), tokenizer(opening=True), task="next_token") as explainer:
        assert explainer.analyze(TEXT, [LRP()])["lrp"].gap > 1e-2


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
    rules = seams.Nonlinear(lambda given, output: output, lambda value: value * 5, lambda value: value * 7, lambda value: value)
    with seams.active(seams.NONLINEAR, rules):
        assert made(state, index, weights).tolist() == [105.0, 105.0]
        assert made(state, index, weights=weights).tolist() == [105.0, 105.0]
    assert made(state, index, weights).tolist() == [3.0, 3.0]
