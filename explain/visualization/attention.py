"""One attention map, averaged or of one layer and head: as a heatmap, or as lines from queries to keys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from explain.errors import InputError
from explain.results import Attribution, Explanation
from explain.types import Array, Segment
from explain.visualization.heatmaps import cell_of, matrix_heatmap
from explain.visualization.layout import frame_column, frame_row, layout, plain, ticks
from explain.visualization.lines import Line, across, drawn_lines, strongest

GROUP_TITLES = {
    "self": "self-attention",
    "encoder": "encoder self-attention",
    "decoder": "decoder self-attention",
    "cross": "cross-attention",
}


@dataclass(frozen=True)
class AttentionMap:
    """The chosen attention [queries, keys] with the labels of both."""

    group: str
    matrix: Array
    queries: list[str]
    keys: list[str]


def attention_of(explanation: Explanation) -> Attribution:
    """The explanation's attention.

    Raises:
        InputError: It has none.
    """
    found = next((a for a in explanation.attributions if a.method == "attention" and a.maps), None)
    if found is None:
        raise InputError('This explanation has no attention. Add "attention" to its methods.')
    return found


def attention_map(explanation: Explanation, group: str | None, layer: int | None, head: int | None) -> AttentionMap:
    """One group's attention, averaged over layers and heads where none is chosen.

    Raises:
        InputError: The explanation has no attention, or the group, layer or head does not exist.
    """
    maps = attention_of(explanation).maps
    chosen = group or ("cross" if "cross" in maps else next(iter(maps)))
    if chosen not in maps:
        raise InputError(f"There is no attention group {chosen!r}. This model has: {', '.join(maps)}.")
    weights = maps[chosen]
    for name, given, size in (("layer", layer, weights.shape[0]), ("head", head, weights.shape[1])):
        if given is not None and not 0 <= given < size:
            raise InputError(f"There is no {name} {given}: the {GROUP_TITLES[chosen]} has {size} (counted from 0).")
    matrix = weights.mean(0) if layer is None else weights[layer]
    matrix = matrix.mean(0) if head is None else matrix[head]
    return AttentionMap(chosen, np.asarray(matrix), *query_key_labels(explanation, chosen, matrix.shape))


def attention_heatmap(
    explanation: Explanation,
    *,
    group: str | None = None,
    layer: int | None = None,
    head: int | None = None,
    special: bool = True,
    marked: int | None = None,
) -> go.Figure:
    """Attention from each query (row) to each key (column), averaged over layers and heads or of one of them.

    Args:
        explanation: What to draw.
        group: "self", or "encoder", "decoder" or "cross"; the last of them if left out.
        layer: From 0; the average if left out.
        head: From 0; the average if left out.
        special: Show special tokens.
        marked: The index of a token whose row and column are framed.

    Raises:
        InputError: The explanation has no attention, or the group, layer or head does not exist.
    """
    shown = attention_map(explanation, group, layer, head)
    rows, columns = (_kept(explanation, shown.group, side, special, n) for side, n in zip("qk", shown.matrix.shape, strict=True))
    figure = matrix_heatmap(
        shown.matrix[np.ix_(rows, columns)],
        [shown.queries[i] for i in rows],
        [shown.keys[i] for i in columns],
        signed=False,
        hover="%{y} attends to %{x}",
    )
    query, key = (_number_of(explanation, shown.group, side, marked) for side in "qk")
    frame_row(figure, cell_of(rows.index(query) if query in rows else None, len(rows)))
    frame_column(figure, cell_of(columns.index(key) if key in columns else None, len(columns)))
    return figure


def attention_arcs(
    explanation: Explanation,
    *,
    group: str | None = None,
    layer: int | None = None,
    head: int | None = None,
    query: int | None = None,
    threshold: float = 0.05,
) -> go.Figure:
    """One attention map as lines from each query (left) to the keys it attends to (right), averaged over layers and heads or of one.

    Args:
        explanation: What to draw.
        group: "self", or "encoder", "decoder" or "cross"; the last of them if left out.
        layer: From 0; the average if left out.
        head: From 0; the average if left out.
        query: Only the lines from this query, from 0.
        threshold: Lines weaker than this share of the strongest are left out; so are all but the 400 strongest.

    Raises:
        InputError: The explanation has no attention, or the group, layer, head or query does not exist, or the threshold is not in 0..1.
    """
    shown = attention_map(explanation, group, layer, head)
    matrix, queries, keys = shown.matrix, plain(shown.queries), plain(shown.keys)
    if query is not None and not 0 <= query < len(queries):
        raise InputError(f"There is no query {query}: the {GROUP_TITLES[shown.group]} has {len(queries)} (counted from 0).")
    drawn = matrix if query is None else np.where(np.arange(len(queries))[:, None] == query, matrix, 0.0)
    most = float(drawn.max())
    lines = [
        Line((0, q), (1, k), float(matrix[q, k]) / most, f"{queries[q]} attends to {keys[k]}<br>{matrix[q, k]:.4g}")
        for q, k in strongest(drawn, threshold)
    ]
    rows = max(len(queries), len(keys))
    figure = go.Figure(drawn_lines(lines), layout(120 + 20 * rows, xaxis=across({0: "query", 1: "key"}, [-0.05, 1.4]), showlegend=False))
    figure.add_trace(
        go.Scatter(x=[1.03] * len(keys), y=list(range(len(keys))), text=keys, mode="text", textposition="middle right", hoverinfo="skip")
    )
    figure.update_yaxes(**ticks(shown.queries), range=[rows - 0.5, -0.5], autorange=False)
    return figure


def query_key_labels(explanation: Explanation, group: str, shape: tuple[int, ...]) -> tuple[list[str], list[str]]:
    """Labels of an attention group's queries and keys."""
    labels = [token.label for token in explanation.tokens]
    inputs = [token.label for token in explanation.tokens if token.segment is Segment.INPUT]
    prefix = labels[len(inputs) :] or ["start", *inputs[:-1]]
    queries = {"cross": prefix, "decoder": prefix, "encoder": inputs, "self": labels}[group][: shape[0]]
    keys = {"cross": inputs, "decoder": prefix, "encoder": inputs, "self": labels}[group][: shape[1]]
    return queries, keys


def _kept(explanation: Explanation, group: str, side: str, special: bool, size: int) -> list[int]:
    if special or _of_decoder(group, side):
        return list(range(size))
    kept = [i for i, token in enumerate(explanation.tokens[:size]) if not token.special]
    return kept or list(range(size))


def _of_decoder(group: str, side: str) -> bool:
    """Whether the queries ("q") or keys ("k") of a group are the decoder's."""
    return group == "decoder" or (group == "cross" and side == "q")


def _number_of(explanation: Explanation, group: str, side: str, token: int | None) -> int | None:
    """Which query or key of a group is a token; `None` where it is none of them."""
    if token is None or group == "self":
        return token
    inputs = sum(token.segment is Segment.INPUT for token in explanation.tokens)
    if _of_decoder(group, side):
        return token - inputs if token >= inputs else None
    return token if token < inputs else None
