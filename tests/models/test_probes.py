"""Attention as a probe sees and changes it, against transformers' own eager attention."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sweep import TASKS, small
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from zoo import FAMILIES, tiny

from explain.models import instrumentation
from explain.models.architectures import AttentionSite
from explain.models.probes import AttentionProbe, AttentionRecorder
from models.test_instrumentation import padded


@pytest.mark.parametrize("side", ["left", "right", None])
@pytest.mark.parametrize("name", FAMILIES)
def test_recorded_attention_is_that_of_the_eager_model(name: str, side: str | None) -> None:
    if side and "embed" in name:
        pytest.skip("a bare trunk has no text of its own to pad")
    made, eager = tiny(name), tiny(name, attention="eager")
    inputs = padded(made, side) if side else made.plain_inputs()
    instruments = instrumentation.instrument(made.model)
    recorder = AttentionRecorder()
    with torch.no_grad(), instruments.attention(recorder):
        output = made.model(**inputs)[0]
    instrumentation.release(made.model)
    with torch.no_grad():
        out = eager.model(**inputs, output_attentions=True)
    torch.testing.assert_close(output, out[0], atol=1e-5, rtol=0)
    expected = (
        {"encoder": out.encoder_attentions, "decoder": out.decoder_attentions, "cross": out.cross_attentions}
        if made.encoder_decoder
        else {"self": out.attentions}
    )
    assert len(recorder.recorded) == sum(map(len, expected.values()))
    queries = {"decoder": inputs.get("decoder_attention_mask"), "cross": inputs.get("decoder_attention_mask")}
    for site, weights in recorder.recorded.items():
        wanted = expected[site.group][site.layer]
        read = queries.get(site.group)
        read = inputs.get("attention_mask") if read is None else read
        if read is None or read.shape[1] != wanted.shape[2]:
            read = torch.ones(wanted.shape[0], wanted.shape[2])
        rows = read.bool()[:, None, :, None].expand_as(wanted)  # what padding attends to is nobody's business
        torch.testing.assert_close(weights[rows], wanted[rows], atol=1e-5, rtol=0)


class Noting(AttentionProbe):
    """Writes down in which order it is asked, and multiplies what it is shown."""

    def __init__(self, name: str, notes: list[Any], factor: float) -> None:
        self.name, self.notes, self.factor = name, notes, factor

    def inputs(self, site: AttentionSite, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.notes.append((self.name, "inputs", site))
        return query, key, value * self.factor

    def scores(self, site: AttentionSite, scores: Tensor) -> Tensor:
        self.notes.append((self.name, "scores", site))
        return scores

    def weights(self, site: AttentionSite, weights: Tensor) -> Tensor:
        self.notes.append((self.name, "weights", site))
        return weights

    def output(self, site: AttentionSite, output: Tensor) -> Tensor:
        self.notes.append((self.name, "output", site))
        return output + 1


def test_probes_of_inner_contexts_come_after_those_around_them() -> None:
    made, other = tiny("bert-class"), tiny("gpt2-class")
    instruments, others = instrumentation.instrument(made.model), instrumentation.instrument(other.model)
    notes: list[Any] = []
    recorder = AttentionRecorder()
    with (
        torch.no_grad(),
        instruments.attention(Noting("outer", notes, 2.0)),
        instruments.attention(Noting("inner", notes, 3.0)),
        instruments.attention(recorder),
    ):
        made.model(**made.plain_inputs())
        assert len(notes) == 2 * 2 * 4
        assert torch.equal(other.model(**other.plain_inputs())[0], other.plain(**other.plain_inputs())[0])  # not this model's business
    first = AttentionSite("self", 0)
    assert notes[:8] == [(name, step, first) for step in ("inputs", "scores", "weights", "output") for name in ("outer", "inner")]
    alone = AttentionRecorder()
    with torch.no_grad(), instruments.attention(alone):
        made.model(**made.plain_inputs())
    torch.testing.assert_close(recorder.outputs[first], 6 * alone.outputs[first] + 2)
    instrumentation.release(made.model)
    instrumentation.release(other.model)
    del others


def test_shared_layers_have_a_site_for_every_depth() -> None:
    made = tiny("albert-masked")
    instruments = instrumentation.instrument(made.model)
    recorder = AttentionRecorder()
    with torch.no_grad(), instruments.attention(recorder):
        made.model(**made.plain_inputs())
        made.model(**{"input_ids": made.ids("the [MASK]")})  # a second pass is not the first
    instrumentation.release(made.model)
    assert list(recorder.recorded) == [AttentionSite("self", 0), AttentionSite("self", 1)]
    assert recorder.recorded[AttentionSite("self", 0)].shape[-1] == made.ids(made.text).shape[1]


def test_a_sink_takes_its_share_of_attention() -> None:
    """gpt_oss: one more score per head, which belongs to no key, against transformers' eager attention."""
    model, eager = small("next_token", "gpt_oss"), small("next_token", "gpt_oss")
    ids = torch.tensor([[3, 5, 6, 7, 9]])
    instruments, recorder = instrumentation.instrument(model), AttentionRecorder()
    with torch.no_grad(), instruments.attention(recorder):
        logits = model(input_ids=ids).logits
    instrumentation.release(model)
    eager.set_attn_implementation("eager")
    with torch.no_grad():
        out = eager(input_ids=ids, output_attentions=True)
    torch.testing.assert_close(logits, out.logits, atol=1e-5, rtol=0)
    for layer, wanted in enumerate(out.attentions):
        torch.testing.assert_close(recorder.recorded[AttentionSite("self", layer)], wanted, atol=1e-6, rtol=0)
        assert (wanted.sum(-1) < 0.99).any()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", ["hy_v4", "llama"])
def test_attention_that_does_not_compute_the_same_is_left_alone(family: str) -> None:
    """Keys that an option selects, and a function of somebody's own under transformers' interface."""
    if family not in TASKS["next_token"]:
        pytest.skip(f"{family} is younger than this version of transformers")
    model = small("next_token", family)
    if family == "llama":

        def doubled(module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Any, **_: Any) -> tuple[Tensor, None]:
            return 2 * value.repeat_interleave(query.shape[1] // value.shape[1], 1).transpose(1, 2), None

        AttentionInterface.register("doubled", doubled)
        AttentionMaskInterface.register("doubled", ALL_MASK_ATTENTION_FUNCTIONS["eager"])
        model.set_attn_implementation("doubled")
    own = model.config._attn_implementation
    instruments = instrumentation.instrument(model)
    assert instruments.architecture.sites == {}
    assert model.config._attn_implementation == own
    instrumentation.release(model)
