"""What a run found, as Plotly figures: words, errors, cues, methods, heads, slices, and two runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from explain.dataset.findings.found import Effect, WordFinding
from explain.dataset.findings.heads import HeadEffects
from explain.dataset.findings.pairs import SideBySide
from explain.dataset.findings.result import Findings
from explain.evaluation.agreement import Measure
from explain.evaluation.labels import MethodLabel
from explain.intervals import Interval
from explain.visualization.ablation import layers_by_heads
from explain.visualization.agreement import agreement_heatmap
from explain.visualization.colors import AWAY, MARK, TEXT, TOWARDS, WEIGHT
from explain.visualization.findings_parts import quantity_title
from explain.visualization.intervals import interval_chart
from explain.visualization.layout import GRID_LINES, layout, plain, plain_label, ticks
from explain.visualization.styles import style_at

ROW = 24


def word_bars(found: Findings, method: str, target: str) -> go.Figure | None:
    """The words with the largest mean effect on a class and their 95 % intervals, those that push towards it on top."""
    words = [one for one in found.words if (one.method, one.target) == (method, target)]
    title = f"mean effect on the score of {target}"
    return _bars(words, [one.effect for one in words], title, signed=label_of(found, method).signed)


def error_bars(found: Findings, method: str, label: str) -> go.Figure | None:
    """The words whose effect differs most surely between wrong and right answers to rows of a label: wrong minus right."""
    words = [one for one in found.errors if (one.method, one.label) == (method, label)]
    effects = [Effect(one.difference, one.low, one.high, one.wrong.rows + one.right.rows, one.wrong.occurrences) for one in words]
    title = f"mean effect in wrong minus in right answers, label {label}"
    details = [
        f"wrong {one.wrong.mean:+.3g} ({one.wrong.rows} rows), right {one.right.mean:+.3g} ({one.right.rows} rows)<br>q = {one.q:.2g}"
        for one in words
    ]
    return _bars(words, effects, title, signed=True, details=details)


def cue_bars(found: Findings, method: str) -> go.Figure | None:
    """Words that push towards a class in rows of other labels too; the spurious ones are framed."""
    cues = [one for one in found.cues if one.method == method]
    details = [
        f"in rows of the label {one.own.mean:+.3g}<br>sure {one.sure:.2f}, right {one.right:.2f} of {one.called} rows"
        + ("<br><b>spurious</b>" if one.spurious else "")
        for one in cues
    ]
    names = [f"{one.word} → {one.target}" for one in cues]
    title = "mean effect on the class in rows of other labels"
    figure = _bars(cues, [one.other for one in cues], title, signed=label_of(found, method).signed, details=details, names=names)
    if figure is not None:
        widths = [3 if one.spurious else 0 for one in cues]
        figure.data[0].marker.line = {"color": MARK, "width": widths}
    return figure


def faithfulness_chart(found: Findings) -> go.Figure | None:
    """Mean faithfulness of every method over the rows, by rank; the line is what random orders reach."""
    if found.faithfulness is None:
        return None
    titles, own = found.titles, found.faithfulness
    overall = {titles[name]: value for name, value in own.overall.items()}
    rank = {titles[name]: place for name, place in own.rank.items()}
    return interval_chart(overall, "0 random, 1 best found", rank=rank, reference=0.0)


def agreement_chart(found: Findings) -> go.Figure | None:
    """Mean Kendall's tau of every pair of methods over the rows."""
    return None if found.agreement is None else agreement_heatmap(found.agreement, Measure.KENDALL)


def head_chart(found: HeadEffects | None, group: str | None = None) -> go.Figure | None:
    """Mean fall of the score without each head: layers from the bottom up x heads; hover shows the interval."""
    if found is None:
        return None
    effect = found.effect[group or next(iter(found.effect))]
    figure = layers_by_heads(effect.mean, signed=True)
    figure.data[0].text = [
        [f"{name}<br>95 % interval {low:.3g} to {high:.3g}" for name, low, high in zip(*rows, strict=True)]
        for rows in zip(figure.data[0].text, effect.low, effect.high, strict=True)
    ]
    return figure


def slice_chart(found: Findings, quantity: str, *, keywords: bool = False) -> go.Figure | None:
    """A quantity of every slice, or keyword, and class with its interval: "output", "right" or a method."""
    parts = [one for one in (found.keywords if keywords else found.slices) if quantity in one.values]
    entries = {}
    for one in parts:
        value = one.values[quantity]
        entries[f"{one.name} → {one.target} ({one.rows} rows)"] = Interval(*map(np.asarray, (value.mean, value.low, value.high)))
    return interval_chart(entries, f"mean {quantity_title(found, quantity)}") if entries else None


def side_scatter(found: SideBySide) -> go.Figure | None:
    """Every word's mean effect in the first (across) and in the second (up); a colour per class. On the line both are the same."""
    if not found.words:
        return None
    kind = "share of the text's effects" if found.shares else "mean effect"
    axes = {"title": f"{plain_label(found.first.name)}: {kind}", "tickangle": 0, **GRID_LINES}
    figure = go.Figure(layout=layout(460, xaxis=axes, legend={"orientation": "h", "y": -0.2, "yanchor": "top"}))
    for number, target in enumerate(dict.fromkeys(pair.target for pair in found.words)):
        own = [pair for pair in found.words if pair.target == target]
        style = style_at(number)
        figure.add_trace(
            go.Scatter(
                x=[pair.first.mean for pair in own],
                y=[pair.second.mean for pair in own],
                name=plain_label(target),
                mode="markers",
                marker={"size": 9, "color": style["color"], "symbol": style["symbol"]},
                text=[
                    f"{word}<br>{pair.first.mean:+.3g}, {pair.second.mean:+.3g}<br>"
                    f"difference {pair.difference.mean:+.3g} ({pair.difference.low:+.3g} to {pair.difference.high:+.3g}), "
                    f"{pair.difference.rows} rows"
                    for word, pair in zip(plain(pair.word for pair in own), own, strict=True)
                ],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    values = [value for pair in found.words for value in (pair.first.mean, pair.second.mean)]
    ends = [min(values), max(values)]
    figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line={"color": TEXT, "dash": "dot"}, hoverinfo="skip", showlegend=False))
    figure.update_yaxes(autorange=True, title=f"{plain_label(found.second.name)}: {kind}", **GRID_LINES)
    return figure


def label_of(found: Findings, method: str) -> MethodLabel:
    """What is known of one of the methods."""
    return next(label for label in found.labels if label.name == method)


def _bars(
    words: Sequence[WordFinding],
    effects: Sequence[Effect],
    title: str,
    *,
    signed: bool,
    details: Sequence[str] = (),
    names: Sequence[str] = (),
) -> go.Figure | None:
    """A bar with its interval for every word, in their order from the top; nothing for none."""
    if not words:
        return None
    labels = list(names) or [one.word for one in words]
    means = [effect.mean for effect in effects]
    more = details or [f"{effect.rows} rows, {effect.occurrences} times" for effect in effects]
    texts = [
        f"{label}<br>{effect.mean:+.4g} (95 % interval {effect.low:+.3g} to {effect.high:+.3g})<br>{told}"
        for label, effect, told in zip(plain(labels), effects, more, strict=True)
    ]
    figure = go.Figure(
        go.Bar(
            x=means,
            y=list(range(len(labels))),
            orientation="h",
            marker={"color": [(TOWARDS if mean >= 0 else AWAY) if signed else WEIGHT for mean in means]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [effect.high - effect.mean for effect in effects],
                "arrayminus": [effect.mean - effect.low for effect in effects],
                "color": TEXT,
                "thickness": 1.5,
                "width": 3,
            },
            text=texts,
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        ),
        layout(90 + ROW * max(3, len(labels)), xaxis={"title": plain_label(title), "tickangle": 0, "zeroline": True, **GRID_LINES}),
    )
    figure.update_xaxes(zerolinecolor=TEXT, range=_range(effects))
    figure.update_yaxes(**ticks(labels))
    return figure


def _range(effects: Sequence[Effect]) -> list[float] | None:
    """From end to end of all intervals, but for those so wide that no bar would be seen."""
    most = 3 * max(abs(effect.mean) for effect in effects)
    ends = [end for effect in effects for end in (0.0, effect.mean, effect.low, effect.high) if end == end]
    low, high = max(min(ends), -most), min(max(ends), most)
    room = 0.04 * (high - low)
    return [low - room * (low < 0), high + room * (high > 0)] if high > low else None
