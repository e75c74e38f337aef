"""Means with intervals, one row per entry, the best on top."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from explain.intervals import Interval
from explain.visualization.colors import TEXT, WEIGHT
from explain.visualization.heatmaps import GRID_LINES, layout, plain, ticks


def interval_chart(
    entries: Mapping[str, Interval], title: str, *, place: Mapping[str, int] | None = None, reference: float | None = None
) -> go.Figure:
    """A dot and an interval per entry, the best place or else the largest mean on top.

    Args:
        entries: Label -> scalar interval.
        title: What is measured.
        place: Label -> place, shown beside the label; entries that share one are tied.
        reference: Where to draw a line, such as chance.
    """
    labels = sorted(entries, key=lambda label: (0 if place is None else place[label], -float(entries[label].mean)))
    shown = labels if place is None else [f"{place[label]}. {label}" for label in labels]
    means = [float(entries[label].mean) for label in labels]
    known = [not bool(entries[label].low != entries[label].low) for label in labels]
    above = [float(entries[label].high) - mean if there else 0.0 for label, mean, there in zip(labels, means, known, strict=True)]
    below = [mean - float(entries[label].low) if there else 0.0 for label, mean, there in zip(labels, means, known, strict=True)]
    texts = [
        f"{label}<br>{mean:.3g}" + (f" (95 % interval {mean - low:.3g} to {mean + high:.3g})" if there else "")
        for label, mean, low, high, there in zip(plain(shown), means, below, above, known, strict=True)
    ]
    figure = go.Figure(
        go.Scatter(
            x=means,
            y=list(range(len(labels))),
            mode="markers",
            marker={"size": 10, "color": WEIGHT},
            error_x={"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": WEIGHT, "thickness": 2},
            text=texts,
            hovertemplate="%{text}<extra></extra>",
        ),
        layout(120 + 30 * max(2, len(labels)), xaxis={"title": title, "tickangle": 0, **GRID_LINES}),
    )
    if reference is not None:
        figure.add_vline(x=reference, line={"color": TEXT, "dash": "dot"})
    figure.update_yaxes(**ticks(shown))
    return figure
