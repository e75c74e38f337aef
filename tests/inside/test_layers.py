"""Which tokens matter in each layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from cases import Case

from explain.inside.layers import attention_by_layer, gradient_x_activation, value_zeroing_by_layer
from explain.methods.attention import AttentionWeights
from explain.methods.input_x_gradient import InputXGradient
from explain.methods.value_zeroing import ValueZeroing
from explain.models.passes import hidden_of, with_hidden


def test_gradient_x_activation_begins_with_gradient_x_input(case: Case) -> None:
    score = case.score()
    found = gradient_x_activation(score)
    expected = InputXGradient().attribute(score).scores
    bottom = next(iter(found.values()))[0]
    if score.encoding.has_prefix:
        bottom = np.concatenate([bottom, found["decoder"][0]])
    assert bottom == pytest.approx(expected, rel=1e-4, abs=1e-5)
    for stack, values in found.items():
        assert values.shape[0] == len(case.model.instruments.architecture.blocks[stack]) + 1
        assert np.isfinite(values).all()


class Scaled:
    """The state of one token after one layer, times a factor."""

    def __init__(self, at: tuple[str, int], token: int, factor: float) -> None:
        self.at, self.token, self.factor = at, token, factor

    def run(self, layer: tuple[str, int], forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = forward(*args, **kwargs)
        if layer != self.at:
            return output
        hidden = hidden_of(output).clone()
        hidden[:, self.token] *= self.factor
        return with_hidden(output, hidden)


def test_gradient_x_activation_equals_finite_differences(exact: Case) -> None:
    """Scaling one token's state after a layer changes the score at this rate."""
    score = exact.score()
    found = gradient_x_activation(score)
    # T5 takes the variance in its norms in float32 whatever the model's own precision.
    width, tolerance = (1e-3, 1e-2) if exact.made.name.startswith("t5") else (1e-5, 1e-5)
    if exact.made.name == "t5-labels":
        pytest.skip("its decoder runs once per label word, and the first alone counts")
    for stack, values in found.items():
        for layer in range(len(values) - 1):
            token = values.shape[1] // 2
            ends = []
            for factor in (1 + width, 1 - width):
                with torch.no_grad(), exact.model.instruments.layers(Scaled((stack, layer), token, factor)):
                    ends.append(score.anew().value())
            slope = (ends[0] - ends[1]) / (2 * width)
            assert values[layer + 1, token] == pytest.approx(slope, rel=tolerance, abs=10 * tolerance * 1e-1)


def test_attention_by_layer_is_the_attention_method_of_one_layer(case: Case) -> None:
    score = case.score()
    for layer, row in enumerate(attention_by_layer(score)):
        assert row == pytest.approx(AttentionWeights(layer=layer).attribute(score).scores, abs=1e-6)


def test_value_zeroing_by_layer_ends_with_the_last_layer_alone(case: Case) -> None:
    score = case.score()
    rows = value_zeroing_by_layer(score)
    assert rows.shape == (len(attention_by_layer(score)), len(score.encoding.tokens))
    assert rows.sum(-1) == pytest.approx(1)
    assert rows[-1] == pytest.approx(ValueZeroing(rolled_out=False).attribute(score).scores, abs=1e-6)
