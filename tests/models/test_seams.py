"""The seams under load: padded batches of every family, and threads that each do something else with one model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import torch
from families import FAMILIES, Tiny, tiny

from explain.models import instrumentation
from explain.models.probes import AttentionProbe, AttentionRecorder, Instruments


def padded(made: Tiny, side: str) -> dict[str, torch.Tensor]:
    made.tokenizer.padding_side = side
    batch = made.tokenizer([made.text.replace("___", "<extra_id_0>"), "the film [MASK]"], padding=True, return_tensors="pt")
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    if "decoder_input_ids" in made.plain_inputs():
        inputs["decoder_input_ids"] = torch.tensor([[0, 20, 7], [0, 8, 9]])
        inputs["decoder_attention_mask"] = torch.tensor([[1, 1, 1], [1, 1, 0]])
    return inputs


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", FAMILIES)
def test_padded_batches_are_bit_for_bit_those_of_the_plain_model(name: str, attention: str, side: str) -> None:
    made = tiny(name, attention=attention)
    inputs = padded(made, side)
    with torch.no_grad():
        plain = made.model(**inputs)[0]
        instrumentation.instrument(made.model)
        assert torch.equal(made.model(**inputs)[0], plain)
    instrumentation.release(made.model)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", [name for name in FAMILIES if "embed" not in name])
def test_recorded_attention_of_a_padded_batch_is_that_of_the_eager_model(name: str, side: str) -> None:
    made, eager = tiny(name), tiny(name, attention="eager")
    inputs = padded(made, side)
    instruments = instrumentation.instrument(made.model)
    recorder = AttentionRecorder()
    with torch.no_grad(), instruments.attention(recorder):
        logits = made.model(**inputs)[0]
    with torch.no_grad():
        out = eager.model(**inputs, output_attentions=True)
    torch.testing.assert_close(logits, out[0], atol=1e-5, rtol=0)
    expected = (
        {"encoder": out.encoder_attentions, "decoder": out.decoder_attentions, "cross": out.cross_attentions}
        if made.model.config.is_encoder_decoder
        else {"self": out.attentions}
    )
    assert len(recorder.recorded) == sum(map(len, expected.values()))
    queries = {"decoder": inputs.get("decoder_attention_mask"), "cross": inputs.get("decoder_attention_mask")}
    for site, weights in recorder.recorded.items():
        wanted = expected[site.group][site.layer]
        read = queries.get(site.group)
        read = inputs["attention_mask"] if read is None else read
        if read.shape[1] != wanted.shape[2]:
            read = torch.ones(wanted.shape[0], wanted.shape[2])
        rows = read.bool()[:, None, :, None].expand_as(wanted)  # what padding attends to is nobody's business
        torch.testing.assert_close(weights[rows], wanted[rows], atol=1e-5, rtol=0)


class Zeroing(AttentionProbe):
    """Hides one head."""

    def output(self, site: Any, output: torch.Tensor) -> torch.Tensor:
        keep = torch.ones_like(output)
        keep[:, :, 1] = 0
        return output * keep


def uses(made: Tiny, instruments: Instruments) -> list[Callable[[], torch.Tensor]]:
    """What different requests do with one model: each gives one tensor."""
    inputs = made.plain_inputs()
    embedding = instruments.architecture.embedding
    with torch.no_grad():
        own = embedding(inputs["input_ids"])

    def plain() -> torch.Tensor:
        with torch.no_grad():
            return made.model(**inputs)[0]

    def recorded() -> torch.Tensor:
        recorder = AttentionRecorder()
        with torch.no_grad(), instruments.attention(recorder):
            made.model(**inputs)
        return torch.cat([weights.flatten() for weights in recorder.recorded.values()])

    def replaced() -> torch.Tensor:
        with torch.no_grad(), instruments.embeddings(lambda given: given * 0.5):
            return made.model(**inputs)[0]

    def gradient() -> torch.Tensor:
        at = own.clone().requires_grad_()
        with instruments.embeddings(lambda given: at):
            made_here = made.model(**inputs)[0].float().square().sum()
        return torch.autograd.grad(made_here, at)[0]

    def plain_gradient() -> torch.Tensor:
        weight = embedding.weight
        assert isinstance(weight, torch.Tensor)
        return torch.autograd.grad(made.model(**inputs)[0].float().square().sum(), weight)[0]

    def ablated() -> torch.Tensor:
        with torch.no_grad(), instruments.attention(Zeroing()):
            return made.model(**inputs)[0]

    def headless() -> torch.Tensor:
        with torch.no_grad(), instruments.trunk(lambda hidden: hidden[:, :1]):
            return made.model.base_model(**inputs)[0]

    return [plain, recorded, replaced, gradient, plain_gradient, ablated, headless, plain]


@pytest.mark.parametrize("name", ["bert-class", "bert-masked", "roberta-masked", "gpt2-next", "llama-next", "t5-span", "bart-class"])
def test_eight_threads_on_one_model_give_exactly_the_serial_results(name: str) -> None:
    made = tiny(name)
    instruments = instrumentation.instrument(made.model)
    tasks = uses(made, instruments)
    serial = [task() for task in tasks]
    assert all(torch.equal(task(), result) for task, result in zip(tasks, serial, strict=True))
    for first in range(len(tasks) - 1):
        for second in range(first):
            same = serial[first].shape == serial[second].shape and torch.equal(serial[first], serial[second])
            assert not same, f"uses {second} and {first} would not show a mix-up"
    together = Barrier(8)

    def work(start: int) -> bool:
        torch.set_num_threads(1)
        together.wait()
        order = [(start + step) % len(tasks) for step in range(2 * len(tasks))]
        return all(torch.equal(tasks[index](), serial[index]) for index in order)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    instrumentation.release(made.model)


def test_a_context_that_fails_leaves_nothing_behind() -> None:
    made = tiny("bert-masked")
    instruments = instrumentation.instrument(made.model)
    inputs = made.plain_inputs()

    def fail(context: contextlib.AbstractContextManager[None]) -> None:
        with context:
            assert not torch.equal(made.model(**inputs)[0], plain)
            raise RuntimeError("stop")

    with torch.no_grad():
        plain = made.model(**inputs)[0]
        for context in (
            instruments.attention(Zeroing()),
            instruments.embeddings(lambda given: given * 0),
            instruments.trunk(lambda hidden: hidden * 0),
            instruments.blocks(lambda group, layer, hidden: hidden * 0),
        ):
            with pytest.raises(RuntimeError, match="stop"):
                fail(context)
            assert torch.equal(made.model(**inputs)[0], plain)
    instrumentation.release(made.model)


def test_instruments_are_counted() -> None:
    made = tiny("bert-class")
    first = instrumentation.instrument(made.model)
    assert instrumentation.instrument(made.model) is first
    assert first.users == 2
    instrumentation.release(made.model)
    assert made.model.config._attn_implementation.startswith("explain")
    instrumentation.release(made.model)
    assert made.model.config._attn_implementation == "sdpa"
    instrumentation.release(made.model)
    again = instrumentation.instrument(made.model)
    assert again is not first
    assert again.users == 1
    instrumentation.release(made.model)
    assert made.model.config._attn_implementation == "sdpa"


def test_modules_in_training_are_so_again_and_others_are_not() -> None:
    made = tiny("bert-class")
    made.model.train()
    made.model.bert.encoder.eval()
    flags = [module.training for module in made.model.modules()]
    frozen = next(made.model.parameters()).requires_grad_(False)
    instrumentation.instrument(made.model)
    assert not any(module.training for module in made.model.modules())
    instrumentation.release(made.model)
    assert [module.training for module in made.model.modules()] == flags
    assert [p.requires_grad for p in made.model.parameters()].count(False) == 1
    assert not frozen.requires_grad
