"""Curves of the methods: deletion and insertion on one text and over many, and the randomisation check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from explain.evaluation.faithfulness import Faithfulness
from explain.evaluation.randomisation import Randomisation
from explain.evaluation.ranking import GRID, RANDOM, FaithfulnessRanking
from explain.types import Array
from explain.visualization.colors import TEXT
from explain.visualization.layout import GRID_LINES, layout, plain, plain_label, ticks
from explain.visualization.styles import Style, styles_of

DELETION, INSERTION = "deletion", "insertion"
_RANDOM: Style = {"color": TEXT, "dash": "dot", "symbol": None}
_BEST: Style = {"color": TEXT, "dash": "dash", "symbol": None}


def faithfulness_curves(found: Faithfulness, kind: str = DELETION) -> go.Figure:
    """The score while the most important tokens of each method are taken away (deletion) or brought back (insertion).

    Grey is what random orders reach (5th to 95th percentile), dashed the best order found. In a deletion chart low is faithful, in an
    insertion chart high.
    """
    steps = list(range(len(found.features) + 1))
    random = found.random
    low, high = (random.deletion_low, random.deletion_high) if kind == DELETION else (random.insertion_low, random.insertion_high)
    best = found.best.deletion if kind == DELETION else found.best_insertion
    styles = styles_of(found.labels)
    figure = _chart(f"{found.granularity} {_done(kind)}", "score")
    _band(figure, steps, low, high, "random orders")
    _line(figure, steps, getattr(random, kind), "random, mean", _RANDOM)
    _line(figure, steps, best, "best order found", _BEST)
    for curve in found.curves:
        taken = [found.features[feature] for feature in curve.order]
        texts = ["the whole text" if kind == DELETION else "nothing", *(("without " if kind == DELETION else "with ") + w for w in taken)]
        _line(figure, steps, getattr(curve, kind), found.titles[curve.name], styles[curve.name], texts)
    return figure


def ranking_curves(found: FaithfulnessRanking, kind: str = DELETION) -> go.Figure:
    """The same averaged over texts, as change of the score, with a bootstrap band for each method."""
    curves = found.deletion if kind == DELETION else found.insertion
    shares = GRID.tolist()
    figure = _chart(f"share of the {found.granularity} {_done(kind)}", "change of the score")
    styles = styles_of(found.labels)
    for name, interval in curves.items():
        style = styles.get(name, _RANDOM if name == RANDOM else _BEST)
        if not np.isnan(interval.low).any():
            _band(figure, shares, interval.low, interval.high, None, style["color"])
        _line(figure, shares, interval.mean, found.titles.get(name, name), style)
    return figure


def randomisation_chart(found: Randomisation, *, absolute: bool = False) -> go.Figure:
    """Rank correlation with the original scores after each part is randomised; the band is where random orders lie on average."""
    parts = [stage.part for stage in found.stages]
    steps = list(range(len(parts)))
    figure = _chart("randomised so far, from the top down", "Spearman's rho with the original scores")
    chance = np.full(len(parts), found.chance)
    _band(figure, steps, -chance, chance, "chance")
    styles = styles_of(found.labels)
    for method, title in found.titles.items():
        values = np.array([(stage.absolute if absolute else stage.similarity)[method] for stage in found.stages])
        _line(figure, steps, values, title, styles[method], parts)
    figure.update_xaxes(**ticks(parts), tickangle=-40)
    figure.update_layout(height=500, legend_y=-0.42)
    figure.update_yaxes(range=[-1.05, 1.05])
    return figure


def _done(kind: str) -> str:
    return "taken away" if kind == DELETION else "brought back"


def _chart(x: str, y: str) -> go.Figure:
    legend = {"orientation": "h", "y": -0.25, "yanchor": "top"}
    figure = go.Figure(layout=layout(440, xaxis={"title": x, "tickangle": 0, **GRID_LINES}, legend=legend))
    figure.update_yaxes(autorange=True, title=y, **GRID_LINES)
    return figure


def _line(figure: go.Figure, x: Sequence[float], y: Array, name: str, style: Style, texts: Sequence[str] | None = None) -> None:
    shown = plain_label(name)
    labels = [shown] * len(x) if texts is None else [f"{shown}<br>{text}" for text in plain(texts)]
    symbol = style["symbol"]
    figure.add_trace(
        go.Scatter(
            x=list(x),
            y=[None if np.isnan(value) else float(value) for value in y],
            name=shown,
            mode="lines" if symbol is None else "lines+markers",
            line={"color": style["color"], "dash": style["dash"], "width": 2},
            marker=None if symbol is None else {"symbol": symbol, "size": 7},
            text=labels,
            hovertemplate="%{text}<br>%{y:.4g}<extra></extra>",
        )
    )


def _band(figure: go.Figure, x: Sequence[float], low: Array, high: Array, name: str | None, color: str = TEXT) -> None:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    around = [*x, *reversed(x)]
    edge = [*high.tolist(), *reversed(low.tolist())]
    fill: Mapping[str, object] = {"fill": "toself", "fillcolor": f"rgba({red},{green},{blue},.12)", "line": {"width": 0}}
    figure.add_trace(go.Scatter(x=around, y=edge, name=name, showlegend=name is not None, mode="lines", hoverinfo="skip", **fill))
