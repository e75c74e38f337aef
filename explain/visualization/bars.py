"""Bars: the numbers of every method, read without colour."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from explain.results import Explanation
from explain.visualization.colors import AWAY, TOWARDS, WEIGHT
from explain.visualization.layout import ACROSS, GRID_LINES, frame_column, layout, plain, ticks
from explain.visualization.tokens import shown

ROW = 130


def methods_bars(
    explanation: Explanation, *, words: bool = False, special: bool = True, marked: int | None = None, part: slice | None = None
) -> go.Figure:
    """A row of bars per method, one bar per token, each row in its own scale; upwards is towards the target.

    Args:
        explanation: What to draw.
        words: Merge sub-words to words (scores are summed).
        special: Show special tokens.
        marked: The index of a token whose bars are framed.
        part: Only some of the columns.
    """
    columns = shown(explanation.tokens, explanation.text, merge=words, special=special)
    columns = columns if part is None else columns.part(part)
    count = max(1, len(explanation.attributions))
    titles = plain(attribution.title for attribution in explanation)
    figure = make_subplots(rows=count, cols=1, shared_xaxes=True, vertical_spacing=min(0.06, 0.4 / count), subplot_titles=titles)
    for row, attribution in enumerate(explanation, 1):
        scores = columns.scores(attribution.scores).tolist()
        colors = [(TOWARDS if score >= 0 else AWAY) if attribution.signed else WEIGHT for score in scores]
        bars = go.Bar(
            x=list(range(len(scores))),
            y=scores,
            marker={"color": colors},
            text=plain(columns.labels),
            textposition="none",
            hovertemplate="%{text}<br>%{y:.4g}<extra></extra>",
        )
        figure.add_trace(bars, row=row, col=1)
        frame_column(figure, columns.column_with(marked), row=row, col=1)
    figure.update_layout(layout(100 + ROW * count, showlegend=False))
    figure.update_yaxes(autorange=True, **GRID_LINES)
    figure.update_xaxes(showgrid=False, zeroline=False)
    figure.update_xaxes(**ticks(columns.labels, most=ACROSS), tickangle=-40, row=count, col=1)
    return figure
