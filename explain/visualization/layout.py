"""The common look of all Plotly figures: layout, labels as they are, ticks, and the frame around a chosen token."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from explain.visualization.colors import GRID, MARK, TEXT

GRID_LINES = {"showgrid": True, "gridcolor": GRID}
MOST_LABELS = 80
ACROSS = 45
_AXIS = {"automargin": True, "showgrid": False, "zeroline": False, "ticks": "outside", "ticklen": 4, "tickcolor": "rgba(0,0,0,0)"}
_FRAME = {"line": {"color": MARK, "width": 2}, "fillcolor": "rgba(0,0,0,0)", "layer": "above", "name": "marked"}


def layout(height: int, **more: Any) -> go.Layout:
    """No template, readable on light and dark pages."""
    return go.Layout(
        template=None,
        height=height,
        font={"color": TEXT, "size": 13, "family": "Source Sans Pro, ui-sans-serif, system-ui, sans-serif"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        xaxis={**_AXIS, "tickangle": -40, **more.pop("xaxis", {})},
        yaxis={**_AXIS, "autorange": "reversed", **more.pop("yaxis", {})},
        **more,
    )


def plain(labels: Iterable[str]) -> list[str]:
    """Labels as Plotly shows them unchanged: it would read `</s>` as markup."""
    return [plain_label(label) for label in labels]


def plain_label(label: str) -> str:
    """The same of one label."""
    return html.escape(label, quote=False)


def ticks(labels: Sequence[str], *, most: int | None = None) -> dict[str, Any]:
    """Axis settings for labels that may repeat; where there is room for `most`, the first of every so many is written."""
    every = 1 if most is None else max(1, -(-len(labels) // most))
    return {"tickmode": "array", "tickvals": list(range(0, len(labels), every)), "ticktext": plain(labels[::every])}


def frame_column(figure: go.Figure, column: int | None, **where: Any) -> None:
    """A thin frame around a column; `where` may name the subplot. Nothing for `None`."""
    if column is not None:
        figure.add_vrect(x0=column - 0.5, x1=column + 0.5, **_FRAME, **where)


def frame_row(figure: go.Figure, row: int | None) -> None:
    """A thin frame around a row. Nothing for `None`."""
    if row is not None:
        figure.add_hrect(y0=row - 0.5, y1=row + 0.5, **_FRAME)
