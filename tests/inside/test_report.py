"""What a look inside gathers is what its parts say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cases import Case
from zoo import HIDDEN, tiny

from explain import UnsupportedError
from explain.inside.layers import gradient_x_activation
from explain.inside.lens import lens
from explain.inside.report import ablation_over_texts, ablation_report, layer_report, received
from explain.methods.attention import AttentionWeights
from explain.methods.head_ablation import head_effects
from explain.methods.layer_ablation import layer_effects


def test_the_reports_hold_what_the_parts_compute(case: Case) -> None:
    score = case.score()
    report = ablation_report(score, curve_heads=3)
    effects = head_effects(score)
    found = report.to_dict()
    for group, values in effects.effect.items():
        assert np.array(found["heads"][group]["effect"]) == pytest.approx(values, abs=1e-6)
    assert [entry["effect"] for entry in found["ranked"]] == sorted((entry["effect"] for entry in found["ranked"]), reverse=True)
    assert len(found["ranked"]) == sum(values.size for values in effects.effect.values())
    assert found["cumulative"]["scores"][0] == pytest.approx(found["score"], abs=1e-5)
    assert len(found["cumulative"]["heads"]) == 3
    assert found["score"] - found["cumulative"]["scores"][1] == pytest.approx(found["ranked"][0]["effect"], abs=1e-5)
    by_layer = layer_report(score)
    read = lens(score)
    assert by_layer.to_dict()["lens"]["logits"] == pytest.approx(read.logits.tolist(), abs=1e-5)
    json.dumps([found, by_layer.to_dict()], allow_nan=False)


def test_gradient_rows_cover_every_read_token(case: Case) -> None:
    score = case.score()
    rows = layer_report(score).gradient_rows(len(score.encoding.tokens))
    stacks = list(gradient_x_activation(score).values())
    assert rows.shape == (max(map(len, stacks)), len(score.encoding.tokens))
    assert rows[: len(stacks[0]), : stacks[0].shape[1]] == pytest.approx(stacks[0], abs=1e-5)
    if score.encoding.has_prefix:
        length = score.encoding.input_length
        assert rows[: len(stacks[-1]), length:] == pytest.approx(stacks[-1], abs=1e-5)
        assert np.isnan(rows[len(stacks[-1]) :, length:]).all()


@pytest.mark.parametrize("case", ["bert-class", "t5-class"], indirect=True)
def test_effects_over_texts_are_means(case: Case) -> None:
    scores = [case.explainer.ask(text, target=1).scores[0] for text in (case.made.text, "the plot was bad")]
    report = ablation_over_texts(scores)
    heads = [head_effects(score).effect for score in scores]
    layers = [layer_effects(score).effect for score in scores]
    for group, interval in report.heads.items():
        assert interval.mean == pytest.approx((heads[0][group] + heads[1][group]) / 2, abs=1e-6)
    assert report.layers is not None
    for group, interval in report.layers.items():
        assert interval.mean == pytest.approx((layers[0][group] + layers[1][group]) / 2, abs=1e-6)
    assert report.to_dict()["texts"] == 2


def test_shared_layers_have_a_report_of_their_heads() -> None:
    made = tiny("albert-masked")
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        report, by_layer = ablation_report(score), layer_report(score)
        assert ablation_over_texts([score, score]).layers is None
    assert report.layers is None
    assert by_layer.attention.shape[0] == 2
    assert (by_layer.value_zeroing, by_layer.gradient, by_layer.lens) == (None, None, None)
    json.dumps([report.to_dict(), by_layer.to_dict()], allow_nan=False)


def test_a_model_that_hides_its_attention_has_no_report() -> None:
    made = tiny(next(iter(HIDDEN)))
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        for report in (ablation_report, layer_report):
            with pytest.raises(UnsupportedError, match="does not let its attention be seen"):
                report(score)


def test_received_attention_is_a_mean_over_the_queries_that_see_the_key(case: Case) -> None:
    score = case.score()
    for weights in AttentionWeights().attribute(score).maps.values():
        expected = []
        for key in range(weights.shape[3]):
            seen = [query for query in range(weights.shape[2]) if (weights[:, :, query, key] > 0).any()]
            expected.append(np.mean([weights[:, :, query, key].mean() for query in seen]) if seen else 0.0)
        assert received(weights) == pytest.approx(np.array(expected), abs=1e-12)
