"""Heatmaps: methods x tokens, outputs x inputs, and any labelled matrix."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from explain.errors import InputError
from explain.results import Explanation
from explain.types import Array, listed
from explain.visualization.colors import SIGNED_SCALE, WEIGHT_SCALE, Scale
from explain.visualization.layout import ACROSS, MOST_LABELS, frame_column, layout, plain, plain_label, ticks
from explain.visualization.tokens import limits, pooled, shown

MOST_COLUMNS = 1_000
"""A longer text is drawn with several tokens in one column, which the figure says."""
MOST_CELLS = 512
"""The rows, and the columns, of a matrix; a larger one is drawn by the means of its blocks, which the figure says."""


def methods_heatmap(
    explanation: Explanation,
    *,
    words: bool = False,
    special: bool = True,
    scale: Scale = Scale.PER_METHOD,
    marked: int | None = None,
    part: slice | None = None,
) -> go.Figure:
    """One row per method, one column per token; hover shows the score. Above `MOST_COLUMNS`, each column is the sum over several tokens.

    Args:
        explanation: What to draw.
        words: Merge sub-words to words (scores are summed).
        special: Show special tokens.
        scale: Colours relative to each method's own largest score or, for the signed methods, to the largest of all.
        marked: The index of a token whose column is framed.
        part: Only some of the columns; their colours are still those of the whole text.
    """
    whole = shown(explanation.tokens, explanation.text, merge=words, special=special)
    size = 1 if part is not None else -(-len(whole.groups) // MOST_COLUMNS)
    columns = pooled(whole, size) if part is None else whole.part(part)
    attributions = explanation.attributions
    values = [columns.scores(a.scores) for a in attributions]
    strongest = limits(attributions, columns if part is None else whole, scale)
    figure = go.Figure(layout=layout(120 + 34 * max(1, len(attributions)), xaxis=ticks(columns.labels, most=ACROSS)))
    titles = [a.title for a in attributions]
    for signed, colors in ((True, SIGNED_SCALE), (False, WEIGHT_SCALE)):
        if not any(a.signed is signed for a in attributions):
            continue
        rows = [
            (v / s if a.signed is signed else np.full(v.shape, np.nan)) for v, s, a in zip(values, strongest, attributions, strict=True)
        ]
        figure.add_trace(
            go.Heatmap(
                z=listed(np.stack(rows)),
                customdata=[v.tolist() for v in values],
                x=list(range(len(columns.labels))),
                y=list(range(len(titles))),
                text=[plain(columns.labels)] * len(titles),
                colorscale=colors,
                zmin=-1 if signed else 0,
                zmax=1,
                showscale=False,
                xgap=int(len(columns.labels) <= MOST_LABELS),
                ygap=2,
                hovertemplate="%{text}<br>%{customdata:.4g}<extra></extra>",
                hoverongaps=False,
            )
        )
    figure.update_yaxes(**ticks(titles))
    if size > 1:
        _say(figure, f"Each column is the sum over {size} {'words' if words else 'tokens'}")
    frame_column(figure, columns.column_with(marked))
    return figure


def matrix_heatmap(matrix: Array, rows: list[str], columns: list[str], *, signed: bool, hover: str) -> go.Figure:
    """A labelled matrix [rows, columns] in the common palette, NaN left empty; `hover` may use %{x} and %{y} for the labels.

    A large one is drawn for a browser to bear: without a text for every cell, its labels numbered from 1 and written where there is room,
    values to four digits; above `MOST_CELLS` rows or columns, the means of its blocks.
    """
    high, wide = (-(-size // MOST_CELLS) for size in matrix.shape)
    if max(high, wide) > 1:
        figure = matrix_heatmap(_means(matrix, high, wide), _firsts(rows, high), _firsts(columns, wide), signed=signed, hover=hover)
        _say(figure, f"Each cell is the mean of {high} rows x {wide} columns")
        return figure
    limit = float(np.abs(np.nan_to_num(matrix)).max(initial=0.0)) or 1.0
    cells = go.Heatmap(
        colorscale=SIGNED_SCALE if signed else WEIGHT_SCALE,
        zmin=-limit if signed else 0,
        zmax=limit,
        colorbar={"thickness": 10, "outlinewidth": 0},
    )
    if max(len(rows), len(columns)) > MOST_LABELS:
        x, y = ([f"{label} · {number}" for number, label in enumerate(plain(labels), 1)] for labels in (columns, rows))
        cells.update(z=listed(_four_digits(matrix)), x=x, y=y, hovertemplate=f"{hover}<br>%{{z:.4g}}<extra></extra>")
        return go.Figure(cells, layout(140 + 22 * MOST_LABELS // 2, yaxis={"type": "category"}, xaxis={"type": "category"}))
    names = [plain(hover.replace("%{x}", column).replace("%{y}", row) for column in columns) for row in rows]
    cells.update(z=listed(matrix), x=list(range(len(columns))), y=list(range(len(rows))), text=names, xgap=1, ygap=1)
    cells.update(hovertemplate="%{text}<br>%{z:.4g}<extra></extra>")
    return go.Figure(cells, layout(140 + 22 * max(4, len(rows)), xaxis=ticks(columns, most=ACROSS), yaxis=ticks(rows)))


def cell_of(place: int | None, count: int) -> int | None:
    """Where one of `count` rows or columns of a matrix is drawn."""
    return None if place is None else place // -(-count // MOST_CELLS)


def _say(figure: go.Figure, said: str) -> None:
    """Write a title that leaves the plot where it is."""
    figure.update_layout(title={"text": plain_label(said), "font": {"size": 14}, "y": 1, "yanchor": "top", "pad": {"t": 8}})


def _means(matrix: Array, high: int, wide: int) -> Array:
    """Means of blocks of `high` rows and `wide` columns, of what is not NaN; those at the ends may be smaller."""
    known = ~np.isnan(matrix)
    sums, counts = np.where(known, matrix, 0.0), known.astype(np.float64)
    for axis, size in enumerate((high, wide)):
        starts = np.arange(0, matrix.shape[axis], size)
        sums, counts = (np.add.reduceat(values, starts, axis=axis) for values in (sums, counts))
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _firsts(labels: list[str], size: int) -> list[str]:
    """The first label of every `size`."""
    return [f"{label} …" if size > 1 else label for label in labels[::size]]


def _four_digits(values: Array) -> Array:
    """Rounded to four significant digits."""
    size = np.where(np.isfinite(values) & (values != 0), np.abs(values), 1.0)
    scale = 10.0 ** (3 - np.floor(np.log10(size)))
    return np.asarray(np.round(values * scale) / scale)


def outputs_heatmap(explanation: Explanation, method: str, *, special: bool = True, marked: int | None = None) -> go.Figure:
    """Output tokens (rows) x read tokens (columns) of a sequence task, by one method, whose title it has.

    Args:
        explanation: What to draw.
        method: By which method.
        special: Show special tokens.
        marked: The index of a token whose column is framed.

    Raises:
        InputError: The explanation is not one of a sequence.
    """
    attribution = explanation[method]
    if attribution.step_scores is None:
        raise InputError(f"{explanation.task} has one answer; the outputs heatmap is for span infilling and generation.")
    columns = shown(explanation.tokens, explanation.text, merge=False, special=special)
    labels = [f"→ {label}" if output else label for label, output in zip(columns.labels, columns.output, strict=True)]
    rows = [output.text.strip() or output.text for output in explanation.outputs]
    hover = "%{x} for the output %{y}"
    figure = matrix_heatmap(columns.scores(attribution.step_scores), rows, labels, signed=attribution.signed, hover=hover)
    said = figure.layout.title.text
    _say(figure, f"{attribution.title}. {said}" if said else attribution.title)
    frame_column(figure, cell_of(columns.column_with(marked), len(labels)))
    return figure
