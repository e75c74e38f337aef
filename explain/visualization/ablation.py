"""Heads and layers switched off: layers x heads, many heads together, and what it does to the tokens' scores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from explain.errors import InputError
from explain.inside.critical_heads import AblatedAttribution, AblationCurve
from explain.methods.head_ablation import Head
from explain.results import Explanation
from explain.types import Array
from explain.visualization.colors import TOWARDS, WEIGHT
from explain.visualization.heatmaps import matrix_heatmap
from explain.visualization.layout import layout, plain, plain_label
from explain.visualization.tokens import shown


def layers_by_heads(values: Array, *, signed: bool) -> go.Figure:
    """One number per head [L, H] (or per layer [L]): layers from the bottom up x heads; a NaN stays empty."""
    matrix = values if values.ndim == 2 else values[:, None]
    columns = [str(head) for head in range(matrix.shape[1])] if values.ndim == 2 else ["whole layer"]
    hover = "layer %{y}, head %{x}" if values.ndim == 2 else "layer %{y}"
    figure = matrix_heatmap(matrix, [str(layer) for layer in range(len(matrix))], columns, signed=signed, hover=hover)
    figure.update_xaxes(title="head" if values.ndim == 2 else None, tickangle=0)
    figure.update_yaxes(title="layer", autorange=True)
    return figure


def ablation_heatmap(maps: Mapping[str, Array], *, group: str | None = None, kind: str = "effect") -> go.Figure:
    """What each head (or layer) adds to the answer: layers from the bottom up x heads.

    Args:
        maps: Of an `AblationResult`, or of the attribution by `head_ablation` or `layer_ablation`.
        group: Which attention; the first if left out.
        kind: "effect" (on the score), "probability" or "flips".

    Raises:
        InputError: There is no such map.
    """
    known = [name.removeprefix(f"{kind}_") for name in maps if name.startswith(f"{kind}_")]
    chosen = group or next(iter(known), None)
    if chosen not in known:
        raise InputError(f"There is no {kind} of {chosen!r}. There are: {', '.join(maps) or 'none'}.")
    return layers_by_heads(maps[f"{kind}_{chosen}"], signed=kind != "flips")


def cumulative_curve(curve: AblationCurve, score: str) -> go.Figure:
    """The score when the first 0, 1, … heads of the order are off; orange where the model still gives its answer."""
    names = ["all heads on", *(f"without {head_name(head)}" for head in curve.heads)]
    figure = go.Figure(
        go.Scatter(
            x=list(range(len(curve.scores))),
            y=curve.scores.tolist(),
            mode="lines+markers",
            line={"color": WEIGHT, "width": 2},
            marker={"size": 8, "color": [WEIGHT if changed else TOWARDS for changed in curve.changed.astype(bool)]},
            text=plain(
                f"{name}<br>" + ("another answer" if changed else "the same answer")
                for name, changed in zip(names, curve.changed.astype(bool), strict=True)
            ),
            hovertemplate="%{x} heads off: %{y:.4g}<br>%{text}<extra></extra>",
        ),
        layout(300, xaxis={"title": "heads off, the most critical first", "tickangle": 0}, showlegend=False),
    )
    figure.update_yaxes(autorange=True, title=plain_label(score))
    return figure


def ablated_heatmap(found: AblatedAttribution, explanation: Explanation, head: Head, *, special: bool = True) -> go.Figure:
    """A method's scores with all heads on, with one off, and their difference."""
    columns = shown(explanation.tokens, explanation.text, merge=False, special=special)
    matrix = columns.scores(np.stack([found.normal.scores, found.ablated.scores, found.difference]))
    rows = ["all heads on", f"without {head_name(head)}", "difference"]
    return matrix_heatmap(matrix, rows, columns.labels, signed=True, hover="%{x}, %{y}")


def head_name(head: Head) -> str:
    """How a person calls a head, or a layer."""
    group = "" if head.group == "self" else f"{head.group} "
    return f"{group}layer {head.layer}" + ("" if head.index is None else f", head {head.index}")
