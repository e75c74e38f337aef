"""Head ablation against one plain hook at a time, on every family."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
import transformers as t
from cases import Case
from hooks import answer, projections, with_slice
from zoo import IDS, tiny, tokenizer

from explain import TokenExplainer
from explain.methods.head_ablation import Ablation, Head, HeadAblation, head_effects, head_means
from explain.methods.layer_ablation import LayerAblation, layer_effects
from explain.methods.shares import attention_shares

TOLERANCE = 1e-10


def mean_of_positions(part: torch.Tensor) -> torch.Tensor:
    return part.mean(-2, keepdim=True).expand_as(part)


@pytest.mark.parametrize("ablation", list(Ablation))
def test_every_head_equals_a_plain_hook(exact: Case, ablation: Ablation) -> None:
    score = exact.score()
    result = head_effects(score, ablation)
    base = answer(score)
    tolerance = 1e-6 if exact.made.name.startswith("t5") else TOLERANCE  # T5's norms take the variance in float32
    assert result.score == pytest.approx(base[0], abs=tolerance)
    for group, effects in result.effect.items():
        modules = projections(exact.made.model, group)
        assert len(modules) >= len(effects)
        for (layer, head), effect in np.ndenumerate(effects):
            value = mean_of_positions if ablation is Ablation.MEAN else torch.zeros_like
            off = with_slice(modules[layer], effects.shape[1], head, value, lambda: answer(score))
            assert effect == pytest.approx(base[0] - off[0], abs=tolerance * max(1, abs(base[0])))
            if result.probability is not None:
                assert result.probability == pytest.approx(base[1], abs=tolerance)
                assert result.probability_effect[group][layer, head] == pytest.approx(base[1] - off[1], abs=tolerance)
            assert result.flips[group][layer, head] == (base[2] != off[2])


@pytest.mark.parametrize("ablation", list(Ablation))
def test_scores_are_effects_times_attention_from_the_explained_position(case: Case, ablation: Ablation) -> None:
    score = case.score()
    found = HeadAblation(ablation=ablation).attribute(score)
    shares = attention_shares(score.trace, score.read_positions())
    expected = np.zeros(len(score.encoding.tokens))
    inputs = score.encoding.input_length
    for group, effects in head_effects(score, ablation).effect.items():
        assert found.maps[f"effect_{group}"] == pytest.approx(effects, abs=1e-6)
        for (layer, head), effect in np.ndenumerate(effects):
            row = effect * shares[group][layer, head]
            if group != "decoder":
                expected[:inputs] += row
            elif score.encoding.has_prefix:
                expected[inputs:] += row
            elif score.encoding.mirrored:
                expected[: len(row) - 1] += row[1:]
    assert found.scores == pytest.approx(expected, abs=1e-5)
    assert found.scores.any()


def test_the_mean_may_be_taken_over_reference_texts() -> None:
    made = tiny("bert-class", deep=True)
    with made.explainer() as explainer:
        score, other = (explainer.ask(text).scores[0] for text in (made.text, "the plot was bad"))
        own = head_effects(score, Ablation.MEAN)
        same = head_effects(score, Ablation.MEAN, reference=[explainer.ask(made.text).scores[0]])
        mixed = head_effects(score, Ablation.MEAN, reference=[other, score])
        means = head_means(score, [other, score])
    for group in own.effect:
        assert same.effect[group] == pytest.approx(own.effect[group], abs=1e-6)
        assert not np.allclose(mixed.effect[group], own.effect[group])
    for site, mean in means.items():
        every = [*other.trace.outputs[site][0], *score.trace.outputs[site][0]]  # positions of both texts, [H, d] each
        torch.testing.assert_close(mean, sum(every) / len(every))


def test_one_head_that_does_all_the_work_is_found() -> None:
    torch.manual_seed(0)
    config = t.BertConfig(**IDS, num_hidden_layers=3, hidden_size=32, num_attention_heads=4, intermediate_size=48)
    model = t.BertForSequenceClassification(config).eval()
    for index, layer in enumerate(model.bert.encoder.layer):
        for module in (layer.attention.output.dense, layer.output.dense):
            torch.nn.init.zeros_(module.weight)
        if index == 1:
            layer.attention.output.dense.weight.data[:, 16:24].normal_()
            layer.attention.self.value.weight.data.normal_()
    with TokenExplainer(model, tokenizer(opening=True), task="classification") as explainer:
        result = head_effects(explainer.ask("the film was not very good").scores[0])
    working = np.zeros((3, 4), dtype=bool)
    working[1, 2] = True
    assert abs(result.effect["self"][1, 2]) > 1e-3
    assert result.effect["self"][~working] == pytest.approx(0, abs=1e-6)
    falls = result.effect["self"]
    ranked = [falls[head.layer, head.index] for head in result.ranked]
    assert ranked == sorted(falls.ravel(), reverse=True)
    assert Head("self", 1, 2) in (result.ranked[0], result.ranked[-1])


def test_shared_layers_have_heads_of_their_own() -> None:
    made = tiny("albert-masked", deep=True)
    with made.explainer() as explainer:
        effects = head_effects(explainer.ask(made.text).scores[0]).effect["self"]
    assert effects.shape == (3, 4)
    assert effects.all()


def test_the_model_is_as_it_was(case: Case) -> None:
    copy = deepcopy(case.made.model.state_dict())
    score = case.score()
    block = next(iter(case.model.instruments.architecture.blocks.values()))[0]
    before = answer(score)
    head_effects(score)
    layer_effects(score)
    HeadAblation().attribute(score)
    LayerAblation().attribute(score)
    assert answer(score) == pytest.approx(before, abs=0, nan_ok=True)
    assert all(torch.equal(value, copy[key]) for key, value in case.made.model.state_dict().items())
    assert "forward" in vars(block)
