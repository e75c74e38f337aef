"""Lines between points, wide and dark where they are strong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explain.errors import InputError
from explain.types import Array
from explain.visualization.colors import LEVELS, WEIGHT

MAXIMUM_EDGES = 400
HOVER_AT = 0.35


@dataclass(frozen=True)
class Line:
    """A line between two points (x, y), its strength between 0 and 1, and what hovering says."""

    start: tuple[float, float]
    end: tuple[float, float]
    strength: float
    text: str


def strongest(matrix: Array, threshold: float) -> list[tuple[int, int]]:
    """Indices of the entries that are drawn, the weakest first, so that strong lines lie on top."""
    if not 0 <= threshold <= 1:
        raise InputError(f"The threshold is a share of the strongest line, from 0 to 1, got {threshold!r}.")
    order = np.argsort(matrix, axis=None, kind="stable")[-MAXIMUM_EDGES:]
    values = matrix.ravel()[order]
    kept = order[(values >= threshold * matrix.max()) & (values > 0)].tolist()
    return [divmod(index, matrix.shape[1]) for index in kept]


def drawn_lines(edges: Sequence[Line]) -> list[go.Scatter]:
    """One trace per level of strength, and invisible points on the lines that answer to the mouse."""
    traces = []
    for level in range(1, LEVELS + 1):
        drawn = [edge for edge in edges if min(LEVELS, int(edge.strength * LEVELS) + 1) == level]
        if drawn:
            xs = [x for edge in drawn for x in (edge.start[0], edge.end[0], None)]
            ys = [y for edge in drawn for y in (edge.start[1], edge.end[1], None)]
            line = {"color": WEIGHT, "width": 0.4 + 0.9 * level}
            traces.append(go.Scatter(x=xs, y=ys, mode="lines", line=line, opacity=0.1 + 0.16 * level, hoverinfo="skip"))
    points = [[s + HOVER_AT * (e - s) for s, e in zip(edge.start, edge.end, strict=True)] for edge in edges]
    traces.append(
        go.Scatter(
            x=[x for x, _ in points],
            y=[y for _, y in points],
            text=[edge.text for edge in edges],
            mode="markers",
            marker={"size": 10, "opacity": 0, "color": WEIGHT},
            hovertemplate="%{text}<extra></extra>",
        )
    )
    return traces


def across(labels: dict[int, str], limits: list[float]) -> dict[str, object]:
    """A horizontal axis with a label at each of a few places."""
    return {"tickmode": "array", "tickvals": list(labels), "ticktext": list(labels.values()), "tickangle": 0, "range": limits}
