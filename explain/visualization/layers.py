"""Layer by layer: layers x tokens, and the answer after each layer."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from explain.errors import InputError
from explain.inside.lens import Lens
from explain.results import Explanation
from explain.types import Array
from explain.visualization.colors import TOWARDS, WEIGHT
from explain.visualization.heatmaps import matrix_heatmap
from explain.visualization.layout import frame_column, layout, plain, plain_label, ticks
from explain.visualization.tokens import shown


def tokens_by_layer(
    values: Array,
    explanation: Explanation,
    *,
    signed: bool,
    from_embedding: bool = False,
    words: bool = False,
    special: bool = True,
    marked: int | None = None,
) -> go.Figure:
    """Layers from the bottom up x tokens.

    Args:
        values: [layers, tokens read], from `explain.inside.layers`.
        explanation: Whose tokens they are.
        signed: Whether values have a direction.
        from_embedding: Row 0 is the embedding, not the first layer.
        words: Merge sub-words (values are summed).
        special: Show special tokens.
        marked: The index of a token whose column is framed.

    Raises:
        InputError: There is not one value per token.
    """
    if values.ndim != 2 or values.shape[1] != len(explanation.tokens):
        raise InputError(f"One value per layer and token was expected: {len(explanation.tokens)} tokens, got {values.shape}.")
    columns = shown(explanation.tokens, explanation.text, merge=words, special=special)
    rows = [f"layer {number}" for number in range(len(values) - from_embedding)]
    names = ["embedding", *rows] if from_embedding else rows
    figure = matrix_heatmap(columns.scores(values), names, columns.labels, signed=signed, hover="%{x} in %{y}")
    figure.update_yaxes(autorange=True)
    frame_column(figure, columns.column_with(marked))
    return figure


def lens_curve(lens: Lens, target: str) -> go.Figure:
    """The target's probability (or logit, where there is none) after each layer; hover shows the best candidate there."""
    known = bool(np.isfinite(lens.probabilities).all())
    values = lens.probabilities if known else lens.logits
    name = "probability" if known else "score"
    names = ["embedding", *(f"layer {number}" for number in range(len(values) - 1))]
    agrees = [best == lens.candidates[-1] for best in lens.candidates]
    figure = go.Figure(
        go.Scatter(
            x=list(range(len(values))),
            y=values.tolist(),
            mode="lines+markers",
            line={"color": WEIGHT, "width": 2},
            marker={"size": 9, "color": [TOWARDS if agree else WEIGHT for agree in agrees]},
            text=plain(f"best: {text.strip() or text}" for text in lens.texts),
            hovertemplate="%{y:.4g}<br>%{text}<extra></extra>",
        ),
        layout=layout(300, xaxis=ticks(names), showlegend=False),
    )
    figure.update_yaxes(
        autorange=True, title=f"{name} of {plain_label(target.strip() or target)}", rangemode="tozero" if known else "normal"
    )
    return figure
