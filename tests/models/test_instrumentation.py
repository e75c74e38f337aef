"""The seams: inactive they change nothing, active they do what they say, and only in their own thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from families import FAMILIES, Tiny, tiny

from explain.models import instrumentation
from explain.models.probes import AttentionRecorder


def logits(made: Tiny, **more: Any) -> torch.Tensor:
    with torch.no_grad():
        return made.model(**made.plain_inputs(), **more)[0]


def hooks(model: torch.nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", FAMILIES)
def test_an_instrumented_model_computes_bit_for_bit_the_same(name: str, attention: str) -> None:
    made = tiny(name, attention=attention)
    plain = logits(made)
    weights = {key: value.clone() for key, value in made.model.state_dict().items()}
    before = hooks(made.model)
    forwards = [module.__dict__.get("forward") for module in made.model.modules()]
    made.model.train()
    instrumentation.instrument(made.model)
    assert torch.equal(logits(made), plain)
    instrumentation.release(made.model)
    assert made.model.config._attn_implementation == attention
    assert hooks(made.model) == before
    assert [module.__dict__.get("forward") for module in made.model.modules()] == forwards
    assert all(module.training for module in made.model.modules())
    assert all(torch.equal(value, weights[key]) for key, value in made.model.state_dict().items())
    made.model.eval()
    assert torch.equal(logits(made), plain)


@pytest.mark.parametrize("name", ["bert-masked", "roberta-masked", "gpt2-next", "llama-next"])
def test_padded_batches_are_the_same_too(name: str) -> None:
    made = tiny(name)
    batch = made.tokenizer([made.text, "the film"], padding=True, return_tensors="pt")
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    with torch.no_grad():
        plain = made.model(**inputs)[0]
        instrumentation.instrument(made.model)
        assert torch.equal(made.model(**inputs)[0], plain)
    instrumentation.release(made.model)


@pytest.mark.parametrize("name", FAMILIES)
def test_recorded_attention_is_that_of_the_eager_model(name: str) -> None:
    made = tiny(name)
    instruments = instrumentation.instrument(made.model)
    recorder = AttentionRecorder()
    with instruments.attention(recorder):
        logits(made)
    instrumentation.release(made.model)
    eager = tiny(name, attention="eager")
    with torch.no_grad():
        out = eager.model(**eager.plain_inputs(), output_attentions=True)
    if made.model.config.is_encoder_decoder:
        expected = {"encoder": out.encoder_attentions, "decoder": out.decoder_attentions, "cross": out.cross_attentions}
    else:
        expected = {"self": out.attentions}
    assert len(recorder.recorded) == sum(map(len, expected.values()))
    for site, weights in recorder.recorded.items():
        torch.testing.assert_close(weights, expected[site.group][site.layer], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_replacing_embeddings_by_themselves_changes_nothing(name: str) -> None:
    made = tiny(name)
    explainer = made.explainer()
    for question in explainer.ask(made.text).questions:
        score = explainer.model.score(question)
        assert float(score.of_embeddings(score.embeddings()).detach()) == pytest.approx(score.value(), abs=1e-5)
    explainer.close()


@pytest.mark.parametrize("name", ["bert-class", "roberta-masked", "gpt2-next", "t5-span", "t5-class", "bart-class", "t5-labels"])
def test_gradients_at_the_embeddings_are_those_of_finite_differences(name: str) -> None:
    made = tiny(name)
    made.model.double()
    explainer = made.explainer()
    score = explainer.model.score(explainer.ask(made.text).questions[-1])
    embeddings = score.embeddings().requires_grad_()
    (gradient,) = torch.autograd.grad(score.of_embeddings(embeddings).sum(), embeddings)
    direction = torch.randn_like(embeddings, generator=torch.Generator().manual_seed(1))
    # T5 takes the variance in its norms in float32 whatever the model's own precision.
    width, tolerance = (1e-3, 5e-3) if name.startswith("t5") else (1e-5, 1e-6)
    with torch.no_grad():
        ends = [score.of_embeddings(embeddings + sign * width * direction) for sign in (1, -1)]
    assert float((ends[0] - ends[1]) / (2 * width)) == pytest.approx(float((gradient * direction).sum()), rel=tolerance)
    explainer.close()


@pytest.mark.parametrize("name", ["bert-class", "gpt2-next", "t5-span"])
def test_threads_with_different_contexts_do_not_disturb_each_other(name: str) -> None:
    made = tiny(name)
    explainer = made.explainer()
    names = ["attention", "input_x_gradient", "integrated_gradients", "lrp", "shap", "occlusion", "gradient_norm"]
    serial = {method: explainer.analyze(made.text, [method])[method].scores for method in names}
    plain = logits(made)
    torch_threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def work(number: int) -> bool:
        if number % 8 == 7:
            return torch.allclose(logits(made), plain, atol=1e-6)
        method = names[number % 8]
        scores = explainer.analyze(made.text, [method])[method].scores
        return bool(abs(scores - serial[method]).max() < 1e-5)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(40)))
    torch.set_num_threads(torch_threads)
    explainer.close()


def test_the_last_user_takes_the_instruments_off() -> None:
    made = tiny("bert-class")
    first, second = made.explainer(), made.explainer()
    first.close()
    assert made.model.config._attn_implementation.startswith("explain")
    assert second.analyze(made.text, ["attention"])["attention"].scores.sum() == pytest.approx(1, abs=1e-6)
    second.close()
    second.close()
    assert made.model.config._attn_implementation == "sdpa"
