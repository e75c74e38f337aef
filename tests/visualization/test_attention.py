"""Attention as arcs and as a heatmap is the weights."""

from __future__ import annotations

import numpy as np
import pytest

from explain.visualization.attention import attention_arcs, attention_heatmap
from visualization.test_network import encoder, encoder_decoder


def test_arcs_are_the_weights():
    drawn = encoder()
    matrix = drawn["attention"].maps["self"]
    figure = attention_arcs(drawn, layer=1, head=0, query=3, threshold=0)
    texts = figure.data[-2].text
    assert len(texts) == 6
    shown = {t.split("attends to ")[1].split("<br>")[0]: float(t.split("<br>")[1]) for t in texts}
    assert shown["w4"] == pytest.approx(matrix[1, 0, 3, 4], rel=1e-3)
    cross = attention_arcs(encoder_decoder())
    assert list(cross.layout.yaxis.ticktext) == ["p0", "p1", "p2", "p3"]
    assert list(cross.data[-1].text) == ["w0", "w1", "w2", "w3", "&lt;/s&gt;"]


def test_the_heatmap_is_the_average_or_one_head():
    drawn = encoder()
    weights = drawn["attention"].maps["self"]
    for layer, head, expected in ((None, None, weights.mean((0, 1))), (1, None, weights[1].mean(0)), (2, 1, weights[2, 1])):
        cells = attention_heatmap(drawn, layer=layer, head=head).data[0]
        assert np.array(cells.z) == pytest.approx(expected)
        assert cells.text[1][2] == "w1 attends to w2"
    assert np.array(attention_heatmap(encoder_decoder()).data[0].z).shape == (4, 5)
