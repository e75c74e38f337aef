"""Figures of ablation hold the effects that were found."""

from __future__ import annotations

import numpy as np
import pytest
from zoo import TEXT, tiny

from explain import InputError
from explain.inside.critical_heads import ablated_attribution, cumulative
from explain.methods.head_ablation import Head, head_effects
from explain.methods.input_x_gradient import InputXGradient
from explain.visualization.ablation import ablated_heatmap, ablation_heatmap, cumulative_curve, layers_by_heads


@pytest.fixture(scope="module")
def explainer():
    with tiny("bert-class", deep=True).explainer() as made:
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


def test_the_cumulative_curve_begins_with_all_heads_on(explainer):
    score = explainer.ask(TEXT).scores[0]
    ranked = head_effects(score).ranked
    curve = cumulative(score, ranked)
    figure = cumulative_curve(curve, "score")
    assert np.array(figure.data[0].y) == pytest.approx(curve.scores)
    assert figure.data[0].text[0].startswith("all heads on")
    assert figure.data[0].text[1].startswith(f"without layer {ranked[0].layer}, head {ranked[0].index}")


def test_the_ablated_heatmap_shows_the_difference(explainer):
    score = explainer.ask(TEXT).scores[0]
    explanation = explainer.analyze(TEXT, ["attention"])
    head = Head("self", 1, 2)
    found = ablated_attribution(score, InputXGradient(), [head])
    rows = np.array(ablated_heatmap(found, explanation, head).data[0].z)
    assert rows[1] - rows[0] == pytest.approx(rows[2])
    assert np.abs(rows[2]).max() > 0


def test_a_head_without_a_number_stays_empty():
    values = np.array([[0.5, np.nan], [-0.25, 0.0]])
    cells = layers_by_heads(values, signed=True).data[0]
    assert cells.zmax == 0.5
    assert np.isnan(np.array(cells.z, dtype=float)[0, 1])
