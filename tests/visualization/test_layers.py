"""Figures of layers hold the numbers that they were given."""

from __future__ import annotations

import numpy as np
import pytest
from zoo import TEXT, tiny

from explain import InputError
from explain.inside.layers import gradient_x_activation
from explain.inside.lens import lens
from explain.visualization.layers import lens_curve, tokens_by_layer


@pytest.fixture(scope="module")
def explainer():
    with tiny("bert-class", deep=True).explainer() as made:
        yield made


def test_tokens_by_layer_has_a_row_per_layer(explainer):
    score = explainer.ask(TEXT).scores[0]
    explanation = explainer.analyze(TEXT, ["attention"])
    values = gradient_x_activation(score)["self"]
    figure = tokens_by_layer(values, explanation, signed=True, from_embedding=True)
    assert np.array(figure.data[0].z) == pytest.approx(values)
    assert figure.layout.yaxis.ticktext[0] == "embedding"
    hidden = tokens_by_layer(values, explanation, signed=True, from_embedding=True, special=False)
    assert len(hidden.data[0].z[0]) == len(values[0]) - 2
    with pytest.raises(InputError, match="One value per layer and token"):
        tokens_by_layer(values[:, :-1], explanation, signed=True)


def test_lens_curve_ends_at_the_prediction(explainer):
    analysis = explainer.ask(TEXT)
    found = lens(analysis.scores[0])
    figure = lens_curve(found, analysis.target.text)
    assert figure.data[0].y[-1] == pytest.approx(analysis.target.probability, abs=1e-5)
    assert len(figure.data[0].y) == 4
