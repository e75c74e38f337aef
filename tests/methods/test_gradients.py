"""Gradient methods against captum's own calls on the plain, uninstrumented model, and against their axioms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers as t
from captum.attr import IntegratedGradients as CaptumIntegratedGradients
from captum.attr import LayerGradientXActivation
from families import FAMILIES, IDS, tiny, tokenizer

from explain import InputError, TokenExplainer, UnsupportedError
from explain.methods.integrated_gradients import Baseline, IntegratedGradients

SENTENCES = [
    "The film was a delight.",
    "It is not a good movie.",
    "The plot is thin, but the acting is wonderful.",
    "A waste of time and talent.",
    "I would happily watch it again tomorrow.",
    "Nothing about this story makes sense.",
    "The jokes are old and the songs are worse.",
    "An honest, moving portrait of a family.",
    "He plays the villain with great charm.",
    "The ending felt rushed and empty.",
    "Slow, quiet and completely gripping.",
    "The dialogue is clumsy throughout.",
    "A bright and funny comedy for children.",
    "Two hours of noise and explosions.",
    "The camera work is beautiful.",
    "I fell asleep before the end.",
    "Everyone in the cast is superb.",
    "It tries hard but never comes alive.",
    "A small film with a big heart.",
    "The worst sequel of the year.",
]
PLAIN = ["bert-masked", "bert-class", "distilbert-class", "roberta-class", "electra-masked", "gpt2-next", "llama-next", "t5-span"]


@pytest.mark.parametrize("name", PLAIN)
def test_scores_are_those_of_captum_on_the_plain_model(name: str) -> None:
    made = tiny(name)
    explainer = made.explainer()
    asked: dict[str, Any] = {"target": "bad", "unit": "logit"} if explainer.model.task.sequence else {"unit": "logit"}
    question = explainer.ask(made.text, **asked).questions[0]
    result = explainer.analyze(
        made.text,
        ["input_x_gradient", IntegratedGradients(steps=40, tolerance=1.0, keep_special=False)],
        **asked,
    )
    explainer.close()
    inputs = dict(question.encoding.inputs)
    embedding = made.model.get_encoder().get_input_embeddings() if name.startswith("t5") else made.model.get_input_embeddings()

    def plain(ids: torch.Tensor) -> torch.Tensor:
        more = {key: value.expand(len(ids), -1) for key, value in inputs.items() if key != "input_ids"}
        logits = made.model(input_ids=ids, **more).logits
        position = question.encoding.position
        return logits[:, question.target.index] if position is None else logits[:, position, question.target.index]

    ids = inputs["input_ids"]
    expected = LayerGradientXActivation(plain, embedding).attribute(ids).sum(-1)[0]
    np.testing.assert_allclose(result["input_x_gradient"].scores[: ids.shape[1]], expected.detach().numpy(), atol=1e-5, rtol=1e-5)
    if name.startswith("t5"):
        return  # the prefix has a baseline of its own, which captum's one layer cannot say

    def of_embeddings(embeddings: torch.Tensor) -> torch.Tensor:
        handle = embedding.register_forward_hook(lambda module, given, output: embeddings)
        try:
            return plain(ids.expand(len(embeddings), -1))
        finally:
            handle.remove()

    start = embedding(ids).detach()
    attributed = CaptumIntegratedGradients(of_embeddings).attribute(start, torch.zeros_like(start), n_steps=40, method="gausslegendre")
    np.testing.assert_allclose(result["integrated_gradients"].scores, attributed.detach().sum(-1)[0].numpy(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_integrated_gradients_are_complete_on_every_family(name: str) -> None:
    made = tiny(name)
    explainer = made.explainer()
    # The kinks of T5's ReLU and the jump of its norm at a zero embedding take more nodes than the default spends.
    method = IntegratedGradients(maximum_steps=20_000 if name.startswith("t5") else 2_000)
    found = explainer.analyze(made.text, [method], step=0 if explainer.model.task.sequence else None)["integrated_gradients"]
    assert found.baseline_output is not None
    assert found.scores.sum() == pytest.approx(found.output - found.baseline_output, rel=1e-3, abs=2e-5)
    explainer.close()


@pytest.mark.parametrize("task", ["classification", "masked_lm"])
def test_integrated_gradients_are_complete_on_bert_mini(task: str) -> None:
    explainer = TokenExplainer.from_pretrained("bert-mini", task=task)
    for sentence in SENTENCES:
        words = sentence.split()
        text = sentence if task == "classification" else " ".join([*words[:-2], "[MASK]", words[-1]])
        found = explainer.analyze(text, ["integrated_gradients"])["integrated_gradients"]
        assert found.gap is not None
        assert found.gap < 1e-3
        assert found.baseline_output is not None
        assert abs(found.scores.sum() - (found.output - found.baseline_output)) < 1e-3 * abs(found.output - found.baseline_output)


def linear_model() -> t.BertForSequenceClassification:
    """A BERT without layers or norms: its label 1 reads the first token's embedding, so only [CLS] counts, linearly."""
    config = t.BertConfig(**IDS, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4, max_position_embeddings=32)
    torch.manual_seed(0)
    model = t.BertForSequenceClassification(config).eval()
    model.bert.embeddings.LayerNorm = torch.nn.Identity()
    model.bert.encoder.layer[0] = _Sum()
    model.bert.pooler = _First()
    return model


class _Sum(torch.nn.Module):
    """Every position becomes the sum over all."""

    def forward(self, hidden: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        return hidden.sum(1, keepdim=True).expand_as(hidden)


class _First(torch.nn.Module):
    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden[:, 0]


def test_on_a_linear_model_both_methods_are_exact() -> None:
    model = linear_model()
    explainer = TokenExplainer(model, tokenizer(opening=True))
    result = explainer.analyze("the film was good", ["input_x_gradient", IntegratedGradients(keep_special=False)], target=1)
    ids = explainer.model.encode("the film was good").inputs["input_ids"]
    contribution = (model.bert.embeddings.word_embeddings(ids)[0] @ model.classifier.weight[1]).detach().double().numpy()
    for found in result:
        np.testing.assert_allclose(found.scores, contribution, atol=1e-6)
    assert result["integrated_gradients"].gap is not None
    assert result["integrated_gradients"].gap < 1e-6
    explainer.close()


def test_baselines_and_special_tokens() -> None:
    made = tiny("bert-class")
    explainer = made.explainer()
    outputs = {}
    for baseline in Baseline:
        kept = explainer.analyze(made.text, [IntegratedGradients(baseline=baseline)])["integrated_gradients"]
        free = explainer.analyze(made.text, [IntegratedGradients(baseline=baseline, keep_special=False)])["integrated_gradients"]
        assert kept.scores[0] == kept.scores[-1] == 0.0
        assert free.scores[0] != 0.0
        outputs[baseline] = kept.baseline_output
    length = len(explainer.model.encode(made.text).tokens)
    masked = torch.tensor([[1, *[4] * (length - 2), 2]])
    with torch.no_grad():
        logits = made.model(input_ids=masked).logits[0]
    found = explainer.analyze(made.text, [IntegratedGradients(baseline=Baseline.MASK)])["integrated_gradients"]
    assert outputs[Baseline.MASK] == pytest.approx(float(logits[found.target.index]), abs=1e-5)
    assert outputs[Baseline.ZERO] != outputs[Baseline.MASK]
    explainer.close()


def test_a_missing_baseline_token_and_wrong_options_are_refused() -> None:
    made = tiny("gpt2-next")
    made.tokenizer.mask_token = None
    explainer = made.explainer()
    with pytest.raises(UnsupportedError, match="has no mask token"):
        explainer.analyze(made.text, ["integrated_gradients"], options={"integrated_gradients": {"baseline": "mask"}})
    for options, message in [
        ({"baseline": "noise"}, "option baseline takes zero or pad or mask, got 'noise'"),
        ({"steps": 2}, "option steps must be between 5 and 640, got 2"),
        ({"steps": 7.5}, "takes a whole number, got 7.5"),
        ({"keep_special": "yes"}, "takes true or false"),
        ({"nodes": 3}, "has no option 'nodes'"),
    ]:
        with pytest.raises(InputError, match=message):
            explainer.analyze(made.text, ["integrated_gradients"], options={"integrated_gradients": options})
    explainer.close()


def test_a_gap_over_the_tolerance_is_reported() -> None:
    made = tiny("gpt2-next")
    explainer = made.explainer()
    found = explainer.analyze(made.text, [IntegratedGradients(steps=5, maximum_steps=5, tolerance=1e-6)])["integrated_gradients"]
    assert found.gap is not None
    assert found.gap > 1e-6
    assert not found.within_tolerance
    assert not found.to_dict()["within_tolerance"]
    explainer.close()


@pytest.mark.parametrize("name", ["bert-masked", "gpt2-next", "t5-span"])
def test_the_gradient_norm_is_that_of_autograd(name: str) -> None:
    made = tiny(name)
    explainer = made.explainer()
    more = {"step": 0} if explainer.model.task.sequence else {}
    found = explainer.analyze(made.text, ["gradient_norm"], **more)["gradient_norm"]
    score = explainer.model.score(explainer.ask(made.text, **more).questions[0])
    embeddings = score.embeddings().requires_grad_()
    (gradient,) = torch.autograd.grad(score.of_embeddings(embeddings).sum(), embeddings)
    np.testing.assert_allclose(found.scores, gradient[0].norm(dim=-1).numpy(), rtol=1e-5)
    explainer.close()
