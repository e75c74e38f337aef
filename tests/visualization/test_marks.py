"""A chosen token is framed where it is shown, in every figure that has tokens, and nowhere else."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from explain import Explanation, TokenExplainer
from explain.visualization.attention import attention_heatmap
from explain.visualization.bars import methods_bars
from explain.visualization.heatmaps import methods_heatmap, outputs_heatmap
from explain.visualization.layers import tokens_by_layer
from explain.visualization.network import flow_network
from visualization.test_network import encoder, encoder_decoder


@pytest.fixture(scope="module")
def explanation() -> Explanation:
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        return explainer.analyze("An unwatchable film.", ["attention", "lrp"])


def frames(figure: go.Figure, axis: str) -> list[tuple[float, float]]:
    """From where to where the frames go on an axis."""
    other = "y" if axis == "x" else "x"
    frames = [shape for shape in figure.layout.shapes if shape.name == "marked" and str(shape[f"{other}ref"]).endswith("domain")]
    assert all((shape[f"{other}0"], shape[f"{other}1"]) == (0, 1) for shape in frames)
    return [(shape[f"{axis}0"], shape[f"{axis}1"]) for shape in frames]


def test_a_column_is_framed(explanation: Explanation) -> None:
    film = next(i for i, token in enumerate(explanation.tokens) if token.text == "film")
    around = (film - 0.5, film + 0.5)
    assert frames(methods_heatmap(explanation, marked=film), "x") == [around]
    assert frames(methods_bars(explanation, marked=film), "x") == [around] * 2
    values = np.ones((3, len(explanation.tokens)))
    assert frames(tokens_by_layer(values, explanation, signed=False, marked=film), "x") == [around]
    figure = attention_heatmap(explanation, marked=film)
    assert frames(figure, "x") == frames(figure, "y") == [around]
    for figure in (methods_heatmap(explanation), methods_bars(explanation), attention_heatmap(explanation)):
        assert not figure.layout.shapes


def test_the_frame_follows_what_is_shown(explanation: Explanation) -> None:
    pieces = [i for i, token in enumerate(explanation.tokens) if token.text and token.text in "unwatchable"]
    assert len(pieces) > 1
    for piece in pieces:
        assert frames(methods_heatmap(explanation, words=True, marked=piece), "x") == [(1.5, 2.5)]
        assert frames(methods_heatmap(explanation, words=True, special=False, marked=piece), "x") == [(0.5, 1.5)]
        assert frames(attention_heatmap(explanation, special=False, marked=piece), "x") == [(piece - 1.5, piece - 0.5)]
    for figure in (methods_heatmap(explanation, special=False, marked=0), attention_heatmap(explanation, special=False, marked=0)):
        assert not figure.layout.shapes


def test_outputs_are_framed_by_their_read_token() -> None:
    with TokenExplainer.from_pretrained("gpt2-mini", task="generation") as explainer:
        explanation = explainer.analyze("The president said", ["input_x_gradient"], target=" that he was")
    figure = outputs_heatmap(explanation, "input_x_gradient", marked=1)
    assert frames(figure, "x") == [(0.5, 1.5)]
    assert figure.layout.title.text == "Gradient x input"


@pytest.mark.parametrize(
    ("group", "token", "row", "column"),
    [
        ("encoder", 3, 3, 3),
        ("encoder", 6, None, None),
        ("decoder", 6, 1, 1),
        ("decoder", 3, None, None),
        ("cross", 3, None, 3),
        ("cross", 6, 1, None),
    ],
)
def test_an_encoder_decoder_frames_what_the_token_is(group: str, token: int, row: int | None, column: int | None) -> None:
    figure = attention_heatmap(encoder_decoder(), group=group, marked=token)
    assert frames(figure, "y") == ([] if row is None else [(row - 0.5, row + 0.5)])
    assert frames(figure, "x") == ([] if column is None else [(column - 0.5, column + 0.5)])


def test_a_network_frames_the_row_of_a_token() -> None:
    assert frames(flow_network(encoder(), marked=4), "y") == [(3.5, 4.5)]
    figure = flow_network(encoder_decoder(), marked=6)  # the second decoder token stands below five encoder tokens and a gap
    place = list(figure.layout.yaxis.tickvals)[6]
    assert frames(figure, "y") == [(place - 0.5, place + 0.5)] == [(6.5, 7.5)]
    assert not flow_network(encoder()).layout.shapes
