"""The lens and token importance layer by layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from explain.inside.layers import attention_by_layer, gradient_x_activation, lens, value_zeroing_by_layer
from explain.methods.attention import AttentionWeights
from explain.methods.input_x_gradient import InputXGradient
from explain.models.trace import answers, base_run


def test_the_lens_ends_at_the_models_own_answer(case):
    model = case.explainer.model
    question = case.questions()[-1]
    before = answers(model, question, 1)
    found = lens(model, question)
    base = base_run(model, question)
    depth = len(model.instruments.architecture.blocks[found.stack])
    assert found.logits.shape == (depth + 1,)
    logits = model.task.text_logits(model, question.encoding)
    assert found.logits[-1] == pytest.approx(float(logits[question.target.index].detach()), rel=1e-4, abs=1e-4)
    assert found.candidates[-1] == base.answer.candidates[0]
    assert found.texts[-1] == model.task.candidate_text(model, found.candidates[-1])
    if question.target.probability is not None:
        assert found.probabilities[-1] == pytest.approx(base.answer.probabilities[0], abs=1e-5)
        assert np.exp(found.log_probabilities) == pytest.approx(found.probabilities, rel=1e-4)
    assert answers(model, question, 1).scores == before.scores


def test_the_lens_reads_a_model_whose_upper_layers_are_skipped(case):
    model = case.explainer.model
    question = case.questions()[-1]
    found = lens(model, question)
    for blocks_on, logit in enumerate(found.logits):

        def skip(_, args, kwargs, output):
            hidden = args[0] if args else kwargs["hidden_states"]
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        blocks = model.instruments.architecture.blocks[found.stack][blocks_on:]
        handles = [block.register_forward_hook(skip, with_kwargs=True) for block in blocks]
        with torch.no_grad():
            expected = model.task.text_logits(model, question.encoding)[question.target.index]
        for handle in handles:
            handle.remove()
        assert logit == pytest.approx(float(expected), rel=1e-4, abs=1e-4)


def test_gradient_x_activation_begins_with_gradient_x_input(case):
    model = case.explainer.model
    question = case.questions()[-1]
    found = gradient_x_activation(model, question)
    expected = InputXGradient().attribute(model, question).scores
    bottom = next(iter(found.values()))[0]
    if question.encoding.has_prefix:
        bottom = np.concatenate([bottom, found["decoder"][0]])
    assert bottom == pytest.approx(expected, rel=1e-4, abs=1e-5)
    for stack, values in found.items():
        assert values.shape[0] == len(model.instruments.architecture.blocks[stack]) + 1
        assert np.isfinite(values).all()


def test_gradient_x_activation_equals_finite_differences(case):
    """Scaling one token's state after a layer changes the score at this rate."""
    if case.explainer.model.task.sequence:
        pytest.skip("one position is enough")
    case.model.double()
    model = case.explainer.model
    question = case.questions()[-1]
    found = gradient_x_activation(model, question)
    stack = list(found)[-1]
    token = found[stack].shape[1] - 1

    def scaled(factor):
        def replace(group, layer, hidden):
            if (group, layer) != (stack, 0):
                return hidden
            return torch.cat([hidden[:, :token], hidden[:, token:] * factor], dim=1)

        with model.instruments.blocks(replace):
            return model.score(question).value()

    slope = (scaled(1 + 1e-3) - scaled(1 - 1e-3)) / 2e-3
    value = found[stack][1, token]
    case.model.float()
    assert value == pytest.approx(slope, rel=0.02, abs=2e-3)


def test_attention_by_layer_is_the_attention_method_of_one_layer(case):
    model = case.explainer.model
    question = case.questions()[-1]
    rows = attention_by_layer(model, question)
    for layer, row in enumerate(rows):
        assert row == pytest.approx(AttentionWeights(layer=layer).attribute(model, question).scores, abs=1e-6)


def test_value_zeroing_by_layer(case):
    model = case.explainer.model
    question = case.questions()[-1]
    rows = value_zeroing_by_layer(model, question)
    assert rows.shape == (len(attention_by_layer(model, question)), len(question.encoding.tokens))
    assert rows.sum(-1) == pytest.approx(1)
