"""Means with intervals, one row per entry, the best on top: of methods that are ranked, and of anything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import plotly.graph_objects as go

from explain.evaluation.ground_truth import GroundTruth
from explain.evaluation.labels import Labelled
from explain.evaluation.ranking import FaithfulnessRanking
from explain.intervals import Interval
from explain.visualization.colors import TEXT, WEIGHT
from explain.visualization.layout import GRID_LINES, layout, plain, ticks

POINTING, MASS = "pointing_game", "mass_accuracy"
Value = TypeVar("Value")


def interval_chart(
    entries: Mapping[str, Interval], title: str, *, rank: Mapping[str, int] | None = None, reference: float | None = None
) -> go.Figure:
    """A dot and an interval per entry, the best rank or else the largest mean on top.

    Args:
        entries: Label -> scalar interval.
        title: What is measured.
        rank: Label -> rank, shown beside the label; entries that share one are tied.
        reference: Where to draw a line, such as chance.
    """
    labels = sorted(entries, key=lambda label: (0 if rank is None else rank[label], -float(entries[label].mean)))
    shown = labels if rank is None else [f"{rank[label]}. {label}" for label in labels]
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


def ranking_chart(found: FaithfulnessRanking) -> go.Figure:
    """The faithfulness of every method over texts, by rank; the line is what random orders reach."""
    return interval_chart(_by_title(found, found.overall), "0 random, 1 best found", rank=_by_title(found, found.rank), reference=0.0)


def ground_truth_chart(found: GroundTruth, quantity: str = POINTING) -> go.Figure:
    """How often each method's highest score is on the evidence ("pointing_game"), or the evidence's share ("mass_accuracy").

    The line is what random orders reach.
    """
    if quantity == POINTING:
        rank = _by_title(found, found.rank)
        return interval_chart(_by_title(found, found.pointing_game), "highest score on the evidence", rank=rank, reference=found.chance)
    return interval_chart(_by_title(found, found.mass_accuracy), "share of all absolute scores", reference=found.chance)


def _by_title(found: Labelled, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values by title; by title and name where two methods have one title."""
    titles = list(found.titles.values())
    return {title if titles.count(title) == 1 else f"{title} ({name})": values[name] for name, title in found.titles.items()}
