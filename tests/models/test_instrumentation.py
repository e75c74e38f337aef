"""The seams: inactive they change nothing, active they do what they say, and only in their own thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from threading import Barrier
from typing import Any

import pytest
import torch
from zoo import FAMILIES, Tiny, tiny

from explain import UnsupportedError
from explain.models import instrumentation
from explain.models.instrumentation import Instruments
from explain.models.probes import AttentionProbe, AttentionRecorder


def logits(made: Tiny, **more: Any) -> torch.Tensor:
    with torch.no_grad():
        return made.model(**made.plain_inputs(), **more)[0]


def hooks(model: torch.nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def padded(made: Tiny, side: str) -> dict[str, torch.Tensor]:
    """Two texts of different length as a batch."""
    made.tokenizer.padding_side = side
    batch = made.tokenizer([made.text.replace("___", "<extra_id_0>"), "the film [MASK]"], padding=True, return_tensors="pt")
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    if "decoder_input_ids" in made.plain_inputs():
        inputs["decoder_input_ids"] = torch.tensor([[0, 20, 7], [0, 8, 9]])
        inputs["decoder_attention_mask"] = torch.tensor([[1, 1, 1], [1, 1, 0]])
    return inputs


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", FAMILIES)
def test_an_instrumented_model_computes_bit_for_bit_the_same(name: str, attention: str) -> None:
    made = tiny(name, attention=attention)
    plain = logits(made)
    batches = [padded(made, side) for side in ("left", "right")]
    weights = {key: value.clone() for key, value in made.model.state_dict().items()}
    with torch.no_grad():
        of_batches = [made.model(**inputs)[0] for inputs in batches]
        before = hooks(made.model)
        forwards = [module.__dict__.get("forward") for module in made.model.modules()]
        made.model.train()
        instrumentation.instrument(made.model)
        assert torch.equal(logits(made), plain)
        for inputs, expected in zip(batches, of_batches, strict=True):
            assert torch.equal(made.model(**inputs)[0], expected)
        instrumentation.release(made.model)
    assert made.model.config._attn_implementation == attention
    assert hooks(made.model) == before
    assert [module.__dict__.get("forward") for module in made.model.modules()] == forwards
    assert all(module.training for module in made.model.modules())
    assert all(torch.equal(value, weights[key]) for key, value in made.model.state_dict().items())
    made.model.eval()
    assert torch.equal(logits(made), plain)


@pytest.mark.parametrize("name", FAMILIES)
def test_replacing_embeddings_by_themselves_changes_nothing(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        for score in explainer.ask(made.text).scores[-3:]:
            assert float(score.of_embeddings(score.embeddings()).detach()) == pytest.approx(score.value(), abs=1e-5)


@pytest.mark.parametrize("name", ["bert-class", "roberta-masked", "gpt2-next", "t5-span", "t5-class", "bart-class", "t5-labels"])
def test_gradients_at_the_embeddings_are_those_of_finite_differences(name: str) -> None:
    made = tiny(name)
    made.model.double()
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[-1]
        embeddings, gradient = score.gradient()
        direction = torch.randn(embeddings.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        # T5 takes the variance in its norms in float32 whatever the model's own precision.
        width, tolerance = (1e-3, 5e-3) if name.startswith("t5") else (1e-5, 1e-6)
        with torch.no_grad():
            ends = [score.of_embeddings(embeddings + sign * width * direction) for sign in (1, -1)]
    assert float((ends[0] - ends[1]) / (2 * width)) == pytest.approx(float((gradient * direction).sum()), rel=tolerance)


@pytest.mark.parametrize("name", ["bert-masked", "gpt2-next", "t5-generation"])
def test_the_head_reads_the_chosen_positions_only(name: str) -> None:
    made = tiny(name)
    inputs = made.plain_inputs()
    whole = made.plain(**inputs).logits
    instruments = instrumentation.instrument(made.model)
    positions = torch.tensor([[2, 0]])
    with torch.no_grad(), instruments.positions(positions):
        found = made.model(**inputs).logits
    instrumentation.release(made.model)
    torch.testing.assert_close(found, whole[:, [2, 0]], atol=1e-5, rtol=0)


class Zeroing(AttentionProbe):
    """Hides one head."""

    def output(self, site: Any, output: torch.Tensor) -> torch.Tensor:
        keep = torch.ones_like(output)
        keep[:, :, 1] = 0
        return output * keep


class Nothing:
    """A pass whose layers give nothing."""

    def run(self, layer: Any, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        return (output[0] * 0, *output[1:]) if isinstance(output, tuple) else output * 0


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
            instruments.layers(Nothing()),
            instruments.nonlinearities(lambda given, output: output * 0, lambda weights: weights),
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


def test_a_copy_of_an_instrumented_model_runs_its_own_layers() -> None:
    made = tiny("bert-class")
    ids = made.ids(made.text)
    plain = made.model(ids).logits
    with made.explainer():
        assert torch.equal(made.model(ids).logits, plain)
        copy = deepcopy(made.model)
        for parameter in copy.bert.encoder.layer.parameters():
            parameter.data.zero_()
        assert not torch.equal(copy(ids).logits, plain)
        assert torch.equal(made.model(ids).logits, plain)
    assert torch.equal(made.model(ids).logits, plain)
    assert all("forward" not in vars(layer) for layer in made.model.bert.encoder.layer)


@pytest.mark.parametrize("name", ["bert-class", "gpt2-next", "t5-span", "llama-next"])
def test_a_plain_copy_has_no_instruments(name: str) -> None:
    made = tiny(name)
    instruments = instrumentation.instrument(made.model)
    copy = instruments.plain_copy()
    assert hooks(copy) == hooks(made.plain)
    assert not any("forward" in vars(module) for module in copy.modules())
    assert copy.config._attn_implementation == "sdpa"
    with torch.no_grad(), instruments.embeddings(lambda given: given * 0), instruments.attention(Zeroing()):
        assert torch.equal(copy(**made.plain_inputs())[0], made.plain(**made.plain_inputs())[0])
    next(copy.parameters()).data.zero_()
    with torch.no_grad():
        assert torch.equal(logits(made), made.plain(**made.plain_inputs())[0])
    instrumentation.release(made.model)
    with torch.device("meta"):
        away = type(made.model)(made.plain.config)
    instruments._model = lambda: away  # type: ignore[assignment]
    with pytest.raises(UnsupportedError, match="not all in memory"):
        instruments.plain_copy()
