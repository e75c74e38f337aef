"""Figures of layers hold the numbers that they were given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from attention.conftest import TEXT, bert, tokenizer

from explain.methods.head_ablation import Head, head_effects
from explain.inside.critical_heads import ablated_attribution, cumulative
from explain.inside.layers import gradient_x_activation, lens
from explain.methods.input_x_gradient import InputXGradient
from explain.errors import InputError
from explain.explainer import TokenExplainer
from explain.visualization.ablation import ablated_heatmap, ablation_heatmap, cumulative_curve, layers_by_heads
from explain.visualization.layers import lens_curve, tokens_by_layer


@pytest.fixture(scope="module")
def explainer():
    torch.manual_seed(0)
    model = transformers.BertForSequenceClassification(bert()).eval()
    with TokenExplainer(model, tokenizer(classifier=True), task="classification") as made:
        yield made


@pytest.mark.parametrize("kind", ["effect", "probability", "flips"])
@pytest.mark.parametrize("method", ["head_ablation", "layer_ablation"])
def test_ablation_heatmap_holds_the_effects(explainer, method, kind):
    attribution = explainer.analyze(TEXT, [method])[method]
    figure = ablation_heatmap(attribution.maps, kind=kind)
    values = attribution.maps[f"{kind}_self"]
    assert np.array(figure.data[0].z) == pytest.approx(values if values.ndim == 2 else values[:, None])
    assert figure.data[0].zmin == (0 if kind == "flips" else -figure.data[0].zmax)


def test_ablation_heatmap_names_what_is_missing(explainer):
    attribution = explainer.analyze(TEXT, ["head_ablation"])["head_ablation"]
    with pytest.raises(InputError, match="no effect of 'cross'"):
        ablation_heatmap(attribution.maps, group="cross")


def test_tokens_by_layer_has_a_row_per_layer(explainer):
    analysis = explainer.ask(TEXT)
    explanation = explainer.analyze(TEXT, ["attention"])
    values = gradient_x_activation(explainer.model, analysis.questions[0])["self"]
    figure = tokens_by_layer(values, explanation, signed=True, from_embedding=True)
    assert np.array(figure.data[0].z) == pytest.approx(values)
    assert figure.layout.yaxis.ticktext[0] == "embedding"
    hidden = tokens_by_layer(values, explanation, signed=True, from_embedding=True, special=False)
    assert len(hidden.data[0].z[0]) == len(values[0]) - 2
    with pytest.raises(InputError, match="One value per layer and token"):
        tokens_by_layer(values[:, :-1], explanation, signed=True)


def test_lens_curve_ends_at_the_prediction(explainer):
    analysis = explainer.ask(TEXT)
    found = lens(explainer.model, analysis.questions[0])
    figure = lens_curve(found, analysis.target.text)
    assert figure.data[0].y[-1] == pytest.approx(analysis.target.probability, abs=1e-5)
    assert len(figure.data[0].y) == 4


def test_the_cumulative_curve_begins_with_all_heads_on(explainer):
    question = explainer.ask(TEXT).questions[0]
    ranked = head_effects(explainer.model, question).ranked
    curve = cumulative(explainer.model, question, ranked)
    figure = cumulative_curve(curve, "score")
    assert np.array(figure.data[0].y) == pytest.approx(curve.scores)
    assert figure.data[0].text[0].startswith("all heads on")
    assert figure.data[0].text[1].startswith(f"without layer {ranked[0].layer}, head {ranked[0].index}")


def test_the_ablated_heatmap_shows_the_difference(explainer):
    question = explainer.ask(TEXT).questions[0]
    explanation = explainer.analyze(TEXT, ["attention"])
    head = Head("self", 1, 2)
    found = ablated_attribution(explainer.model, question, InputXGradient(), [head])
    rows = np.array(ablated_heatmap(found, explanation, head).data[0].z)
    assert rows[1] - rows[0] == pytest.approx(rows[2])
    assert np.abs(rows[2]).max() > 0


def test_a_head_without_a_number_stays_empty():
    values = np.array([[0.5, np.nan], [-0.25, 0.0]])
    cells = layers_by_heads(values, signed=True).data[0]
    assert cells.zmax == 0.5
    assert np.isnan(np.array(cells.z, dtype=float)[0, 1])
