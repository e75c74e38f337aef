"""Several prompts in one figure: aligned scores, what changed in a pair, keywords, and the fillers of a template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import plotly.graph_objects as go

from explain.errors import InputError
from explain.intervals import Interval
from explain.prompts.alignment import Alignment, align, aligned_scores
from explain.prompts.keywords import KeywordTracking
from explain.prompts.minimal_pair import Change, MinimalPair
from explain.prompts.spans import find
from explain.prompts.template_probe import TemplateProbe
from explain.results import Explanation
from explain.types import Array
from explain.visualization.colors import AWAY, TEXT, TOWARDS, WEIGHT, number_color
from explain.visualization.heatmaps import matrix_heatmap
from explain.visualization.intervals import interval_chart
from explain.visualization.layout import GRID_LINES, layout, plain, plain_label, ticks
from explain.visualization.styles import Style, styles_of

MOST_NUMBERS = 160
MOST_NUMBERED_COLUMNS = 24
LONGEST_LABEL = 36
SIGNS = {Change.KEPT: "", Change.REMOVED: "− ", Change.ADDED: "+ "}
PATTERNS = {Change.KEPT: "", Change.REMOVED: "/", Change.ADDED: "x"}
QUANTITIES = {
    "share": "share of the absolute scores",
    "score": "summed score",
    "rank": "rank among the words (1 is first)",
    "effect": "score with it minus without",
}


def aligned_heatmap(
    explanations: Iterable[Explanation], method: str, *, special: bool = False, alignment: Alignment | None = None
) -> go.Figure:
    """Prompts x aligned words with the scores of one method; gaps stay empty, and few cells show their score.

    Args:
        explanations: The prompts, such as a `PromptComparison`.
        method: Whose scores.
        special: Show special tokens.
        alignment: Of these prompts, if it is known already.

    Raises:
        InputError: There is no prompt, or one was not explained by this method.
    """
    given = list(explanations)
    found = alignment or align(given)
    scores = aligned_scores(given, method, alignment=found)
    kept = [number for number, hidden in enumerate(found.special) if special or not hidden]
    labels = [("→ " if found.output[number] else "") + found.labels[number] for number in kept]
    rows = [f"{number}. {shortened(explanation.text)}" for number, explanation in enumerate(given, 1)]
    values = scores[:, kept]
    figure = matrix_heatmap(values, rows, labels, signed=given[0][method].signed, hover="%{x}<br>%{y}")
    figure.data[0].update(hoverongaps=False)
    if values.size <= MOST_NUMBERS and len(kept) <= MOST_NUMBERED_COLUMNS:
        _numbers(figure, values, signed=given[0][method].signed)
    figure.update_layout(height=150 + 30 * max(3, len(rows)))
    return figure


def pair_bars(pair: MinimalPair, method: str, *, special: bool = False) -> go.Figure:
    """Per word, how much the method's score changes from the first prompt to the second; + marks words that came, − words that went.

    Raises:
        InputError: The prompts were not explained by this method, or do not explain the same.
    """
    if method not in pair.differences:
        raise InputError(f"The prompts were not explained by {method!r}. They have: {', '.join(pair.differences)}.")
    differences = pair.differences[method]
    if np.isnan(differences).any():
        one, other = (target.text for target in pair.targets)
        raise InputError(
            f"The scores of the two prompts cannot be compared: they explain {one!r} and {other!r}. Give the same target, foil and unit."
        )
    kept = [number for number, hidden in enumerate(pair.alignment.special) if special or not hidden]
    changes = [pair.changes[number] for number in kept]
    labels = [SIGNS[change] + pair.alignment.labels[number] for change, number in zip(changes, kept, strict=True)]
    first, second = pair.attributions[method][:, kept]
    values = differences[kept]
    label = next(label for label in pair.labels if label.name == method)
    up, down = (TOWARDS, AWAY) if label.signed else (WEIGHT, WEIGHT)
    figure = go.Figure(
        go.Bar(
            x=list(range(len(kept))),
            y=values.tolist(),
            marker={
                "color": [up if value >= 0 else down for value in values],
                "pattern": {"shape": [PATTERNS[change] for change in changes]},
            },
            text=[f"{word}<br>first {_said(a)}, second {_said(b)}" for word, a, b in zip(plain(labels), first, second, strict=True)],
            textposition="none",
            hovertemplate="%{text}<br>change %{y:.4g}<extra></extra>",
        ),
        layout(400, xaxis=ticks(labels)),
    )
    figure.update_yaxes(
        autorange=True, title=f"change of the {plain_label(label.title)} score", zeroline=True, zerolinecolor=TEXT, **GRID_LINES
    )
    return figure


def keyword_chart(tracking: KeywordTracking, keyword: str, quantity: str = "share") -> go.Figure:
    """One keyword over all prompts: share, score or rank by every method, or the effect of taking it away; gaps where it is absent.

    Summed scores of different methods have different scales; shares and ranks can be compared.

    Raises:
        InputError: The keyword was not tracked, the quantity is not known, or effects were not computed.
    """
    if keyword not in tracking.keywords:
        raise InputError(f"The keyword {keyword!r} was not tracked. Choose from: {', '.join(tracking.keywords)}.")
    if quantity not in QUANTITIES:
        raise InputError(f"The quantity {quantity!r} is not known. Choose from: {', '.join(QUANTITIES)}.")
    column = tracking.keywords.index(keyword)
    lines: list[tuple[str, Array, Style]]
    if quantity == "effect":
        if np.isnan(tracking.effects).all():
            raise InputError("The effects of the keywords were not computed. Track them with the explainer.")
        lines = [("effect", tracking.effects[:, column], {"color": WEIGHT, "symbol": "circle", "dash": "solid"})]
    else:
        values = {"share": tracking.shares, "score": tracking.scores, "rank": tracking.ranks}[quantity]
        styles = styles_of(tracking.labels)
        named = zip(plain(tracking.titles.values()), styles.values(), strict=True)
        lines = [(title, values[number, :, column], style) for number, (title, style) in enumerate(named)]
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}
    labels = [f"{number}. {shortened(text)}" for number, text in enumerate(tracking.texts, 1)]
    figure = go.Figure(layout=layout(480, xaxis=ticks(labels), legend=legend))
    for name, line, style in lines:
        figure.add_trace(
            go.Scatter(
                x=list(range(len(labels))),
                y=[None if np.isnan(value) else float(value) for value in line],
                name=name,
                mode="lines+markers",
                line={"color": style["color"], "dash": style["dash"], "width": 1.5},
                marker={"symbol": style["symbol"], "size": 9},
                text=[f"{name}<br>{label}" for label in plain(labels)],
                hovertemplate="%{text}<br>%{y:.4g}<extra></extra>",
            )
        )
    figure.update_yaxes(autorange="reversed" if quantity == "rank" else True, title=QUANTITIES[quantity], **GRID_LINES)
    figure.update_xaxes(range=[-0.5, len(labels) - 0.5])
    if quantity in ("score", "effect"):
        figure.add_hline(y=0, line={"color": TEXT, "dash": "dot"})
    return figure


def filler_chart(found: TemplateProbe, method: str | None = None) -> go.Figure:
    """The mean effect of each filler on the score of the target, or its mean attribution by a method; intervals over frames.

    Raises:
        InputError: The fillers were not explained by this method.
    """
    if method is not None and method not in found.attribution:
        raise InputError(f"The fillers were not explained by {method!r}. They have: {', '.join(found.attribution) or 'no method'}.")
    interval = found.effect if method is None else found.attribution[method]
    entries = {
        filler or "(nothing)": Interval(*(np.asarray(side) for side in sides))
        for filler, *sides in zip(found.fillers, interval.mean, interval.low, interval.high, strict=True)
    }
    title = (
        f"effect on the score of {plain_label(found.target)}"
        if method is None
        else f"{plain_label(found.titles[method])} score of the filler"
    )
    return interval_chart(entries, title, reference=0.0)


def keyword_tokens(explanation: Explanation, keywords: Sequence[str], *, inside_words: bool = False) -> set[int]:
    """The indices of all tokens that belong to one of the keywords, so that a view can outline them.

    Raises:
        InputError: A keyword is empty.
    """
    return {
        token
        for keyword in keywords
        for span in find(explanation.tokens, explanation.text, keyword, inside_words=inside_words)
        for token in span.tokens
    }


def shortened(text: str) -> str:
    """A text as a label on one line: white space runs made one, and cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_LABEL else line[: LONGEST_LABEL - 1].rstrip() + "…"


def _numbers(figure: go.Figure, values: Array, *, signed: bool) -> None:
    limit = float(np.abs(np.nan_to_num(values)).max(initial=0.0)) or 1.0
    decimals = int(np.clip(2 - np.ceil(np.log10(limit)), 0, 5))
    for row, numbers in enumerate(values.tolist()):
        for column, number in enumerate(numbers):
            if not np.isnan(number):
                color = number_color(number / limit, signed=signed)
                figure.add_annotation(x=column, y=row, text=f"{number:z.{decimals}f}", showarrow=False, font={"color": color, "size": 11})


def _said(score: float) -> str:
    return "absent" if np.isnan(score) else f"{score:.4g}"
