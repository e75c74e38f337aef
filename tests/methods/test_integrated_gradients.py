"""Integrated gradients against captum on plain models that were never instrumented, and against their axioms."""

from __future__ import annotations

import captum.attr
import numpy as np
import pytest
import torch
import transformers as t
from cases import Case
from zoo import IDS, tiny, tokenizer

from explain import InputError, TokenExplainer, UnsupportedError
from explain.methods.integrated_gradients import Baseline, IntegratedGradients
from explain.models.score import Score

SENTENCES = [
    "The film was a delight.",
    "It is not a good movie.",
    "I would happily watch it again tomorrow.",
    "Nothing about this story makes sense.",
    "He plays the villain with great charm.",
    "The ending felt rushed and empty.",
    "A bright and funny comedy for children.",
    "Two hours of noise and explosions.",
    "Everyone in the cast is superb.",
    "It tries hard but never comes alive.",
]


def special(score: Score) -> torch.Tensor:
    return torch.tensor([token.special for token in score.encoding.tokens])


@pytest.mark.parametrize("keep_special", [True, False])
def test_they_are_captums_on_the_plain_model(family: Case, keep_special: bool) -> None:
    score = family.score()
    reference = family.made.reference(score)
    embeddings = reference.embeddings()
    baseline = torch.zeros_like(embeddings)
    if keep_special:
        baseline[0, special(score)] = embeddings[0, special(score)]
    expected = captum.attr.IntegratedGradients(reference).attribute(embeddings, baseline, n_steps=10, method="gausslegendre").sum(-1)[0]
    found = IntegratedGradients(Baseline.ZERO, keep_special, steps=10, maximum_steps=10).attribute(score)
    assert found.scores == pytest.approx(expected.detach().numpy(), abs=1e-5)
    assert found.baseline_output == pytest.approx(float(reference(baseline).detach()), abs=1e-5)
    if keep_special:
        assert not found.scores[special(score).numpy()].any()


def test_they_are_complete_with_default_options(family: Case) -> None:
    found = IntegratedGradients().attribute(family.score())
    difference = found.output - found.baseline_output
    error = abs(found.scores.sum() - difference)
    scale = max(abs(difference), np.abs(found.scores).sum() / 10)  # a difference may happen to be nothing
    assert found.gap == pytest.approx(error / scale, abs=1e-9)
    assert found.gap <= 1e-3


@pytest.mark.parametrize("task", ["classification", "masked_lm"])
def test_they_are_complete_on_bert_mini(task: str) -> None:
    explainer = TokenExplainer.from_pretrained("bert-mini", task=task)
    for sentence in SENTENCES[::2] if task == "classification" else SENTENCES[1::2]:
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


def test_on_a_linear_model_gradient_methods_are_exact() -> None:
    model = linear_model()
    with TokenExplainer(model, tokenizer(opening=True)) as explainer:
        result = explainer.analyze("the film was good", ["input_x_gradient", IntegratedGradients(keep_special=False)], target=1)
        ids = explainer.model.encode("the film was good").inputs["input_ids"]
    contribution = (model.bert.embeddings.word_embeddings(ids)[0] @ model.classifier.weight[1]).detach().double().numpy()
    for found in result:
        np.testing.assert_allclose(found.scores, contribution, atol=1e-6)
    assert result["integrated_gradients"].gap is not None
    assert result["integrated_gradients"].gap < 1e-6


def test_baselines_and_special_tokens() -> None:
    made = tiny("bert-class")
    for model in (made.model, made.plain):
        model.bert.embeddings.word_embeddings.weight.data[0] = torch.linspace(-1, 1, 32)  # else the pad token's embedding is zero
    outputs = {}
    with made.explainer() as explainer:
        for baseline in Baseline:
            kept = explainer.analyze(made.text, [IntegratedGradients(baseline=baseline)])["integrated_gradients"]
            free = explainer.analyze(made.text, [IntegratedGradients(baseline=baseline, keep_special=False)])["integrated_gradients"]
            assert kept.scores[0] == kept.scores[-1] == 0.0
            assert free.scores[0] != 0.0
            outputs[baseline] = kept.baseline_output
    for baseline, index in ((Baseline.MASK, 4), (Baseline.PAD, 0)):
        with torch.no_grad():
            logits = made.plain(input_ids=torch.tensor([[1, *[index] * (len(kept.tokens) - 2), 2]])).logits[0]
        assert outputs[baseline] == pytest.approx(float(logits[kept.target.index]), abs=1e-5)
    assert outputs.pop(Baseline.AUTO) == outputs[Baseline.ZERO]  # its norms centre
    assert len(set(outputs.values())) == 4


def test_a_missing_baseline_token_and_wrong_options_are_refused() -> None:
    made = tiny("gpt2-next")
    made.tokenizer.mask_token = None
    with made.explainer() as explainer:
        with pytest.raises(UnsupportedError, match="has no mask token"):
            explainer.analyze(made.text, ["integrated_gradients"], options={"integrated_gradients": {"baseline": "mask"}})
        for options, message in [
            ({"baseline": "noise"}, "option baseline takes auto or mean or zero or pad or mask, got 'noise'"),
            ({"steps": 2}, "option steps must be between 5 and 640, got 2"),
            ({"steps": 7.5}, "takes a whole number, got 7.5"),
            ({"keep_special": "yes"}, "takes true or false"),
            ({"nodes": 3}, "has no option 'nodes'"),
        ]:
            with pytest.raises(InputError, match=message):
                explainer.analyze(made.text, ["integrated_gradients"], options={"integrated_gradients": options})


def test_a_gap_over_the_tolerance_is_reported() -> None:
    made = tiny("gpt2-next")
    with made.explainer() as explainer:
        found = explainer.analyze(made.text, [IntegratedGradients(steps=5, maximum_steps=5, tolerance=1e-6)])["integrated_gradients"]
    assert found.gap is not None
    assert found.gap > 1e-6
    assert not found.within_tolerance
    assert not found.to_dict()["within_tolerance"]


def test_nodes_are_spent_only_where_they_are_needed() -> None:
    """Two rows for the ends of the way, 16 nodes; each halving measures its middle and integrates either half with 16 nodes."""
    halvings = {}
    for name in ("bert-class", "t5-class"):
        made = tiny(name)
        with made.explainer() as explainer:
            score = explainer.ask(made.text).scores[0]
            for tolerance in (0.3, 1e-2):
                found = IntegratedGradients(Baseline.ZERO, tolerance=tolerance).attribute(score)
                assert found.within_tolerance
                halvings[name, tolerance] = (found.passes - 18) / 33
    assert all(number == int(number) for number in halvings.values())
    assert halvings["bert-class", 0.3] == 0
    assert halvings["t5-class", 1e-2] > halvings["t5-class", 0.3] > 0  # its norm jumps near the baseline


@pytest.mark.parametrize(("name", "alone"), [("t5-class", False), ("llama-next", True)])
def test_norms_that_do_not_centre_get_the_mean_embedding(name: str, alone: bool) -> None:
    """Against captum from the mean embedding; the first token of a decoder without a beginning token moves first, by itself."""
    made = tiny(name)
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        found = IntegratedGradients(steps=20, maximum_steps=20).attribute(score)
        assert np.array_equal(found.scores, IntegratedGradients(Baseline.MEAN, steps=20, maximum_steps=20).attribute(score).scores)
    reference = made.reference(score)
    embeddings = reference.embeddings()
    mean = made.plain.get_input_embeddings().weight[: len(made.tokenizer)].detach().mean(0)
    baseline = torch.where(special(score)[None, :, None], embeddings, mean)
    begin = baseline.clone()
    if alone:
        begin[0, 0] = embeddings[0, 0]
    expected = captum.attr.IntegratedGradients(reference).attribute(embeddings, begin, n_steps=20, method="gausslegendre").sum(-1)[0]
    output = float(reference(baseline).detach())
    first = float(reference(begin).detach()) - output
    expected[0] += first
    assert found.scores == pytest.approx(expected.detach().numpy(), abs=1e-5)
    assert found.baseline_output == pytest.approx(output, abs=1e-5)
    assert (abs(first) > 1e-4) == alone


def test_from_the_mean_embedding_the_deciding_word_is_found_in_few_rows() -> None:
    with TokenExplainer.from_pretrained("t5-mini", task="classification") as explainer:
        score = explainer.ask("they made a boring movie about the town").scores[0]
        found = IntegratedGradients().attribute(score)
    assert found.within_tolerance
    assert found.passes <= 150
    assert found.tokens[int(found.scores.argmax())].text == "boring"
