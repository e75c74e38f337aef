"""Figures of layers hold the numbers that they were given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from attention.conftest import TEXT, bert, tokenizer

from explain.attention.layers import gradient_x_activation, lens
from explain.errors import InputError
from explain.explainer import TokenExplainer
from explain.visualization.layers import ablation_heatmap, lens_curve, tokens_by_layer


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
    figure = ablation_heatmap(attribution, kind=kind)
    values = attribution.maps[f"{kind}_self"]
    assert np.array(figure.data[0].z) == pytest.approx(values if values.ndim == 2 else values[:, None])
    assert figure.data[0].zmin == (0 if kind == "flips" else -figure.data[0].zmax)


def test_ablation_heatmap_names_what_is_missing(explainer):
    attribution = explainer.analyze(TEXT, ["head_ablation"])["head_ablation"]
    with pytest.raises(InputError, match="holds no effect of 'cross'"):
        ablation_heatmap(attribution, group="cross")


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
