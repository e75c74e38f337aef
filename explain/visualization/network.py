"""Network of what reaches the explained position through all layers."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import plotly.graph_objects as go

from explain.errors import InputError
from explain.methods.attention_flow import flow_through_edges
from explain.methods.attention_rollout import HeadFusion, MixingSteps, influence_through_edges, mixing_steps
from explain.results import Explanation
from explain.types import Array
from explain.visualization.attention import attention_of, query_key_labels
from explain.visualization.colors import TEXT, WEIGHT
from explain.visualization.layout import frame_row, layout, plain
from explain.visualization.lines import Line, across, drawn_lines, strongest


class NetworkKind(StrEnum):
    """What the lines of a network stand for."""

    ROLLOUT = "rollout"
    FLOW = "flow"


def flow_network(
    explanation: Explanation,
    *,
    kind: NetworkKind | str = NetworkKind.ROLLOUT,
    threshold: float = 0.05,
    position: int | None = None,
    heads: HeadFusion = HeadFusion.MEAN,
    marked: int | None = None,
) -> go.Figure:
    """How the tokens (left) reach the explained position (right): a column of tokens per layer, lines by what runs through them.

    A line's number is its share of all influence on the position (rollout), or of the maximum flows from the position to all tokens
    (flow; of several equal ones, one that prefers strong attention); the lines of a layer sum to 100 %, those left out included. The
    columns of an encoder (E) come before those of its decoder (D), whose tokens lie below and whose lines also lead to the last E.

    Args:
        explanation: One with the method "attention", whose maps are used.
        kind: "rollout" or "flow".
        threshold: Lines weaker than this share of the strongest of their layer are left out; so are all but a layer's 400 strongest.
        position: The query at the top from which to look down, from 0 (in the decoder, if there is one); the explained one if left out.
        heads: How the heads of a layer become one.
        marked: The index of a token whose row is framed.

    Raises:
        InputError: The explanation has no attention, it has too many tokens for flow, or an argument is out of bounds.
    """
    if kind not in set(NetworkKind):
        raise InputError(f"The network {str(kind)!r} is not known. Choose one of: {', '.join(NetworkKind)}.")
    attention = attention_of(explanation)
    mixing = mixing_steps(attention.maps, heads)
    queries = mixing.layers.shape[1] - mixing.encoder
    if position is not None and not 0 <= position < queries:
        raise InputError(f"There is no position {position}: the last layer has {queries} (counted from 0).")
    positions = attention.positions if position is None else (position,)
    through = flow_through_edges if kind == NetworkKind.FLOW else influence_through_edges
    shares = through(mixing.layers, [mixing.encoder + p for p in positions])  # [steps, N, N]
    masses = np.concatenate([shares.sum(1), shares[-1:].sum(2)])  # [steps + 1, N]
    labels = _labels(explanation, mixing)
    edges = _edges(shares, mixing, labels, threshold)
    rows = [float(_point(mixing, 0, token)[1]) for token in range(len(labels))]
    figure = go.Figure(
        [*drawn_lines(edges), _nodes(masses, mixing, labels)],
        layout(140 + 19 * round(rows[-1] + 1), xaxis=across(_columns(mixing), [-0.3, len(shares) + 0.3]), showlegend=False),
    )
    figure.update_yaxes(tickmode="array", tickvals=rows, ticktext=labels, range=[rows[-1] + 0.7, -0.7], autorange=False)
    if marked is not None and 0 <= marked < len(rows):
        frame_row(figure, int(rows[marked]))
    return figure


def _labels(explanation: Explanation, mixing: MixingSteps) -> list[str]:
    size, inputs = mixing.layers.shape[1], mixing.encoder
    if inputs == 0:
        return plain([token.label for token in explanation.tokens[:size]])
    decoder, encoder = query_key_labels(explanation, "cross", (size - inputs, inputs))
    return plain([*encoder, *decoder])


def _point(mixing: MixingSteps, step: int, token: int) -> tuple[int, int]:
    """Where a token is drawn after so many steps: an encoder's stay where they end, a decoder's begin there, one row further down."""
    if token < mixing.encoder:
        return min(step, mixing.encoder_steps), token
    return max(step, mixing.encoder_steps), token + bool(mixing.encoder)


def _edges(shares: Array, mixing: MixingSteps, labels: Sequence[str], threshold: float) -> list[Line]:
    passing = np.eye(len(labels), dtype=bool)
    edges: list[Line] = []
    for step, layer in enumerate(shares):
        still = [_point(mixing, step, token) == _point(mixing, step + 1, token) for token in range(len(labels))]
        mixed = np.where(passing & np.array(still), 0.0, layer)
        for upper, lower in strongest(mixed, threshold):
            share = float(layer[upper, lower])
            text = f"{labels[lower]} → {labels[upper]}<br>{share:.2%}"
            edges.append(Line(_point(mixing, step, lower), _point(mixing, step + 1, upper), share, text))
    most = max((edge.strength for edge in edges), default=1.0)
    return [Line(edge.start, edge.end, (edge.strength / most) ** 0.5, edge.text) for edge in edges]


def _nodes(masses: Array, mixing: MixingSteps, labels: Sequence[str]) -> go.Scatter:
    """A dot per token and column, as large as what passes through it."""
    nodes = [
        (place, mass, label)
        for step, row in enumerate(masses.tolist())
        for token, (mass, label) in enumerate(zip(row, labels, strict=True))
        if (place := _point(mixing, step, token))[0] == step
    ]
    return go.Scatter(
        x=[place[0] for place, _, _ in nodes],
        y=[place[1] for place, _, _ in nodes],
        text=[f"{label}<br>{mass:.2%}" for _, mass, label in nodes],
        mode="markers",
        marker={
            "size": [3 + 13 * mass**0.5 for _, mass, _ in nodes],
            "color": [WEIGHT if mass > 0 else TEXT for _, mass, _ in nodes],
            "opacity": [0.9 if mass > 0 else 0.3 for _, mass, _ in nodes],
            "line": {"width": 0},
        },
        hovertemplate="%{text}<extra></extra>",
    )


def _columns(mixing: MixingSteps) -> dict[int, str]:
    count, below = len(mixing.layers), mixing.encoder_steps
    if not mixing.encoder:
        return {0: "input"} | {step: str(step) for step in range(1, count + 1)}
    return {0: "input"} | {step: f"E{step}" if step <= below else f"D{step - below}" for step in range(1, count + 1)}
