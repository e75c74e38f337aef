"""Attention that a model computes by itself: the same as its eager model tells, and changed as hooks on its projections change it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sweep import small
from torch import nn
from zoo import OWN, TEXT, tiny, tokenizer

from explain import TokenExplainer
from explain.errors import UnsupportedError
from explain.methods.head_ablation import head_effects
from explain.methods.lrp import LRP
from explain.methods.value_zeroing import distances
from explain.models.instrumentation import instrument, release
from explain.models.own_attention import Found, enter, leave, watched
from explain.models.passes import hidden_of
from explain.models.probes import AttentionProbe, watching

PROJECTIONS = {
    "deberta-masked": ("value_proj", "output.dense"),
    "mpnet-masked": ("attn.v", "attn.o"),
    "roformer-masked": ("self.value", "attention.output.dense"),
    "gpt-neo-next": ("v_proj", "out_proj"),
}
"""The layers that make the values, and those that read the heads."""
TELLING = [name for name in OWN if name != "falcon-next"]


def found(model: nn.Module, ending: str) -> list[nn.Module]:
    return [m for n, m in model.named_modules() if n.endswith(ending) and isinstance(m, nn.Linear)]


def inputs_of(score: Any) -> dict[str, torch.Tensor]:
    return dict(score.encoding.inputs)


@pytest.mark.parametrize("name", OWN)
def test_nothing_changes_until_somebody_looks(name: str) -> None:
    made = tiny(name)
    inputs = made.plain_inputs()
    with torch.no_grad():
        plain = made.plain(**inputs)[0]
        instruments = instrument(made.model)
        assert instruments.own_attention
        assert torch.equal(made.model(**inputs)[0], plain)
        with instruments.attention(AttentionProbe()):
            torch.testing.assert_close(made.model(**inputs)[0], plain, atol=1e-5, rtol=0)
        release(made.model)
        assert torch.equal(made.model(**inputs)[0], plain)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in made.model.modules())


@pytest.mark.parametrize("name", TELLING)
def test_weights_are_those_that_the_eager_model_tells(name: str) -> None:
    made, eager = tiny(name), tiny(name, attention="eager")
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        weights = score.trace.attention()
        with torch.no_grad():
            out = eager.model(**inputs_of(score), output_attentions=True)
    told = {"encoder": "encoder_attentions", "decoder": "decoder_attentions", "cross": "cross_attentions"} if made.encoder_decoder else {}
    assert set(weights) == set(told or ["self"])
    for group, layers in weights.items():
        wanted = np.stack([layer[0].numpy() for layer in out[told.get(group, "attentions")]])
        np.testing.assert_allclose(layers, wanted, rtol=0, atol=1e-6)


def test_falcon_looks_back_only() -> None:
    """transformers' own Falcon tells attention to what comes later when it is asked for weights, and answers something else then."""
    made = tiny("falcon-next")
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        weights = score.trace.attention()["self"]
        with torch.no_grad():
            assert score.trace.logits[0].numpy() == pytest.approx(made.plain(**inputs_of(score)).logits[0, -1].numpy(), abs=1e-5)
    assert (np.triu(weights, 1) == 0).all()
    assert weights.sum(-1) == pytest.approx(1)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_values_and_heads_change_as_by_hooks_on_their_projections(name: str) -> None:
    made = tiny(name)
    made.model.double()
    made.plain.double()
    values, readers = (found(made.plain, ending) for ending in PROJECTIONS[name])
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        moved, effects = distances(score)["self"], head_effects(score).effect["self"]
        block = type(explainer.model.instruments.architecture.blocks["self"][0])
        inputs, target, value = inputs_of(score), score.target.index, score.value()
        in_unit = score.in_unit
        position = explainer.model.encode(made.text).inputs["input_ids"].shape[1] - 1
        if made.task == "masked_lm":
            position = int((inputs["input_ids"][0] == made.tokenizer.mask_token_id).nonzero())
    blocks = [module for module in made.plain.modules() if isinstance(module, block)]
    assert (len(values), len(blocks)) == (2, 2)
    readers = [module for module in readers if module.in_features == 32]
    assert target >= 0
    for layer in range(2):
        states: list[torch.Tensor] = []

        def keep(_: nn.Module, __: Any, output: Any, states: list[torch.Tensor] = states) -> None:
            states.append(hidden_of(output)[0])

        watching = blocks[layer].register_forward_hook(keep)
        with torch.no_grad():
            made.plain(**inputs)
            for key in range(inputs["input_ids"].shape[1]):

                def zero(_: nn.Module, __: Any, output: torch.Tensor, key: int = key) -> torch.Tensor:
                    output = output.clone()
                    output[:, key] = 0
                    return output

                hook = values[layer].register_forward_hook(zero)
                made.plain(**inputs)
                hook.remove()
                distance = 1 - torch.cosine_similarity(states[0], states[-1], dim=-1)
                np.testing.assert_allclose(moved[layer][:, key], distance.numpy(), rtol=0, atol=1e-10)
            watching.remove()
            for head in range(4):

                def off(_: nn.Module, given: tuple[torch.Tensor, ...], head: int = head) -> tuple[torch.Tensor, ...]:
                    state = given[0].clone()
                    state[..., 8 * head : 8 * head + 8] = 0
                    return state, *given[1:]

                hook = readers[layer].register_forward_pre_hook(off)
                logits = made.plain(**inputs)[0][:, position]
                hook.remove()
                assert effects[layer, head] == pytest.approx(value - float(in_unit(logits, score.unit)[0]), abs=1e-9)


@pytest.mark.parametrize("name", ["deberta-masked", "bloom-next"])
def test_relevance_is_that_of_the_operations(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        found = explainer.analyze(made.text, [LRP(), "attention", "head_ablation"])["lrp"]
    assert found.gap is not None
    assert found.gap < 1e-5


@pytest.mark.filterwarnings("ignore")
def test_attention_to_anything_but_tokens_is_not_shown() -> None:
    """A model that puts states of its own before the text."""
    with TokenExplainer(small("next_token", "cpmant"), tokenizer(opening=True), task="next_token") as explainer:
        assert explainer.model.attention_groups == {}
        with pytest.raises(UnsupportedError, match="CpmAntForCausalLM does not send it"):
            explainer.analyze(TEXT, ["attention"])


def test_landmarks_are_not_taken_for_tokens() -> None:
    """A model may attend to as many states of its own making as it likes once a text is long."""
    module, watcher = nn.Identity(), Found()
    enter(module, (torch.ones(1, 5, 3),), {})
    with watching(watcher), watched({}):
        torch.softmax(torch.ones(1, 2, 5, 5), -1)
        with pytest.raises(UnsupportedError, match="Identity attends from 5 to 4 states of its own making in a text of this length"):
            torch.softmax(torch.ones(1, 2, 5, 4), -1)
    leave(module)
    assert watcher.calls == [(module, 5, 5), (module, 5, 4)]
