"""What a look inside gathers is what its parts say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from explain.inside.layers import gradient_x_activation, lens
from explain.inside.report import ablation_over_texts, ablation_report, layer_report, received
from explain.methods.attention import AttentionWeights
from explain.methods.head_ablation import head_effects


def test_the_reports_hold_what_the_parts_compute(case):
    model = case.explainer.model
    question = case.explainer.ask(case.text).single().questions[0]
    report = ablation_report(model, question, curve_heads=3)
    effects = head_effects(model, question)
    found = report.to_dict()
    for group, values in effects.effect.items():
        assert np.array(found["heads"][group]["effect"]) == pytest.approx(values, abs=1e-6)
    assert [entry["effect"] for entry in found["ranked"]] == sorted((entry["effect"] for entry in found["ranked"]), reverse=True)
    assert len(found["ranked"]) == sum(values.size for values in effects.effect.values())
    assert found["cumulative"]["scores"][0] == pytest.approx(found["score"], abs=1e-5)
    assert len(found["cumulative"]["heads"]) == 3
    assert found["score"] - found["cumulative"]["scores"][1] == pytest.approx(found["ranked"][0]["effect"], abs=1e-5)
    by_layer = layer_report(model, question)
    read = lens(model, question)
    assert by_layer.to_dict()["lens"]["logits"] == pytest.approx(read.logits.tolist(), abs=1e-5)
    json.dumps([found, by_layer.to_dict()], allow_nan=False)


def test_gradient_rows_cover_every_read_token(case):
    model = case.explainer.model
    question = case.explainer.ask(case.text).single().questions[0]
    rows = layer_report(model, question).gradient_rows(len(question.encoding.tokens))
    stacks = list(gradient_x_activation(model, question).values())
    assert rows.shape == (max(map(len, stacks)), len(question.encoding.tokens))
    assert rows[: len(stacks[0]), : stacks[0].shape[1]] == pytest.approx(stacks[0], abs=1e-5)
    if question.encoding.has_prefix:
        length = question.encoding.input_length
        assert rows[: len(stacks[-1]), length:] == pytest.approx(stacks[-1], abs=1e-5)
        assert np.isnan(rows[len(stacks[-1]) :, length:]).all()


def test_effects_over_texts_are_means(case):
    if case.task != "classification":
        pytest.skip("one task is enough")
    model = case.explainer.model
    questions = [case.explainer.ask(text, target=1).questions[0] for text in (case.text, "the plot was bad")]
    report = ablation_over_texts(model, questions)
    each = [head_effects(model, question).effect for question in questions]
    for group, interval in report.heads.items():
        assert interval.mean == pytest.approx((each[0][group] + each[1][group]) / 2, abs=1e-6)
    assert report.layers is not None
    assert report.to_dict()["texts"] == 2


def test_received_attention_is_a_mean_over_the_queries_that_see_the_key(case):
    question = case.explainer.ask(case.text).single().questions[0]
    for weights in AttentionWeights().attribute(case.explainer.model, question).maps.values():
        expected = []
        for key in range(weights.shape[3]):
            seen = [query for query in range(weights.shape[2]) if (weights[:, :, query, key] > 0).any()]
            expected.append(np.mean([weights[:, :, query, key].mean() for query in seen]) if seen else 0.0)
        assert received(weights) == pytest.approx(np.array(expected), abs=1e-12)
