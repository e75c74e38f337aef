"""The views as Matplotlib figures, for papers and files.

Every function returns a `Figure` with an Agg canvas of its own: pyplot and its global state are never touched, so that figures can be
made in several threads. Labels are drawn letter by letter: `$` starts no formula.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle

from explain.methods.catalog import method_class
from explain.models.score import margin
from explain.results import Explanation
from explain.visualization.attention import GROUP_TITLES, attention_map
from explain.visualization.colors import AWAY, SIGNED_SCALE, TOWARDS, WEIGHT, WEIGHT_SCALE, Scale, legend
from explain.visualization.fonts import drawable, families
from explain.visualization.tints import INK, tint
from explain.visualization.tokens import Shown, column_of, highlighted, shown

SIGNED, UNSIGNED = (
    LinearSegmentedColormap.from_list(name, [str(color) for _, color in scale])
    for name, scale in (("explain signed", SIGNED_SCALE), ("explain weight", WEIGHT_SCALE))
)
PER_ROW = 40
WIDEST = 18.0
_LINE = 0.13
_PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}


def methods_heatmap(explanation: Explanation, *, words: bool = False, special: bool = True, scale: Scale = Scale.PER_METHOD) -> Figure:
    """One row per method, one column per token; more than 40 tokens go on in a further row of panels.

    Args:
        explanation: What to draw.
        words: Merge sub-words to words (scores are summed).
        special: Show special tokens.
        scale: Colours relative to each method's own largest score or, for the signed methods, to the largest of all.
    """
    columns, labels, font = _columns(explanation, words, special)
    attributions = explanation.attributions
    values = [columns.scores(a.scores) for a in attributions]
    strongest = [float(np.abs(v).max(initial=0.0)) or 1.0 for v in values]
    if scale is Scale.SHARED:
        common = max((s for s, a in zip(strongest, attributions, strict=True) if a.signed), default=1.0)
        strongest = [common if a.signed else s for s, a in zip(strongest, attributions, strict=True)]
    shares = np.stack([v / s for v, s in zip(values, strongest, strict=True)]) if values else np.zeros((0, len(labels)))
    signed = np.array([a.signed for a in attributions], dtype=bool)
    titles = [method_class(a.method).title for a in attributions]
    panels = _panels(len(labels))
    figure, stacked = _stacked(labels, titles, len(panels), 0.34 * max(1, len(titles)), font)
    for axes, part in zip(stacked, panels, strict=True):
        for rows, colors, low in ((signed, SIGNED, -1.0), (~signed, UNSIGNED, 0.0)):
            if rows.any():
                drawn = np.ma.masked_array(shares[:, part], mask=np.repeat(~rows[:, None], len(labels[part]), axis=1))
                axes.imshow(drawn, cmap=colors, vmin=low, vmax=1.0, aspect="auto", interpolation="nearest")
        _grid(axes, titles, labels[part], font)
        axes.set_xlim(-0.5, panels[0].stop - 0.5)
    _title(figure, explanation, font)
    return figure


def method_bars(explanation: Explanation, *, words: bool = False, special: bool = True) -> Figure:
    """One panel per method with a bar and its number for every token; more than 40 tokens go on in further panels."""
    columns, labels, font = _columns(explanation, words, special)
    panels = [(a, part) for a in explanation for part in _panels(len(labels))]
    figure, stacked = _stacked(labels, ["-0.000"], len(panels), 1.3, font, above=0.25)
    for axes, (attribution, part) in zip(stacked, panels, strict=True):
        scores = columns.scores(attribution.scores)
        span = float(np.abs(scores).max(initial=0.0)) or 1.0
        colors = [WEIGHT if not attribution.signed else TOWARDS if score > 0 else AWAY for score in scores[part]]
        bars = axes.bar(range(len(labels[part])), scores[part], color=colors, width=0.8)
        axes.bar_label(bars, [f"{score:.2g}" for score in scores[part]], fontsize=6, padding=1, color=INK, parse_math=False)
        axes.set_ylim((-1.25 if (scores < 0).any() else 0.0) * span, (1.25 if (scores > 0).any() else 0.25) * span)
        axes.axhline(0.0, color=INK, linewidth=0.6)
        axes.set_title(method_class(attribution.method).title, loc="left", fontsize=10)
        _ticks(axes, labels[part], font)
        axes.set_xlim(-0.5, panels[0][1].stop - 0.5)
        axes.spines[["top", "right"]].set_visible(False)
    _title(figure, explanation, font)
    return figure


def token_strips(explanation: Explanation, *, words: bool = False, special: bool = True) -> Figure:
    """The text once per method, each token on a background of its score's colour; long texts are wrapped."""
    columns, _, font = _columns(explanation, words, special)
    width, size, line = 9.0, 11.0, 0.3
    figure = _figure()
    strips = [(a, _wrapped(figure, [t for t, _ in highlighted(a, columns)], font, size, width - 0.6)) for a in explanation]
    height = 1.0 + sum(0.45 + line * len(lines) for _, lines in strips)
    figure.set_size_inches(width, height)
    places = [column_of(columns, pair) for pair in range(sum(map(len, strips[0][1])))] if strips else []
    top = height - 0.95
    for attribution, lines in strips:
        scores = columns.scores(attribution.scores)
        limit = float(np.abs(scores).max(initial=0.0))
        figure.text(0.3 / width, top / height, method_class(attribution.method).title, fontsize=10, weight="bold", color=INK, **_PLAIN)
        pair = 0
        for number, pieces in enumerate(lines):
            for text, left, wide in pieces:
                place = places[pair]
                pair += 1
                x, y = (0.3 + left) / width, (top - line * (number + 1)) / height
                if place is not None:
                    color = tint(float(scores[place]), limit, signed=attribution.signed)
                    figure.add_artist(Rectangle((x, y - 0.06 / height), wide / width, 0.22 / height, color=color, linewidth=0))
                if not text.isspace():
                    figure.text(x, y, text, fontproperties=font, fontsize=size, color=INK, **_PLAIN)
        top -= 0.45 + line * len(lines)
    _title(figure, explanation, font)
    return figure


def attention_heatmap(explanation: Explanation, *, group: str | None = None, layer: int | None = None, head: int | None = None) -> Figure:
    """Attention from each query (row) to each key (column), averaged over layers and heads or of one of them.

    The map is at most 18 inches wide and high; where that leaves no line for every label, every second, third … is shown.

    Raises:
        InputError: The explanation has no attention, or the group, layer or head does not exist.
    """
    chosen = attention_map(explanation, group, layer, head)
    font = FontProperties(family=families([*chosen.queries, *chosen.keys]))
    rows, keys = ([drawable(label, font.get_family()) for label in side] for side in (chosen.queries, chosen.keys))
    figure = _figure()
    left, below = 0.4 + _widest(figure, rows, font), 0.4 + _turned(figure, keys, font)
    wide, high = (min(WIDEST, max(2.5, size * len(labels))) for size, labels in ((0.28, keys), (0.24, rows)))
    width, height = left + wide + 1.0, 0.4 + high + below
    figure.set_size_inches(width, height)
    axes = figure.add_axes((left / width, below / height, wide / width, high / height))
    image = axes.imshow(chosen.matrix, cmap=UNSIGNED, vmin=0.0, vmax=float(chosen.matrix.max(initial=0.0)) or 1.0, aspect="auto")
    _grid(axes, rows, keys, font, every=math.ceil(_LINE * max(len(rows) / high, len(keys) / wide)))
    axes.set_xlabel("key")
    axes.set_ylabel("query")
    which = [f"{name} {number}" for name, number in (("layer", layer), ("head", head)) if number is not None]
    axes.set_title(", ".join([GROUP_TITLES[chosen.group].capitalize(), *which]), fontsize=10)
    figure.colorbar(image, cax=figure.add_axes(((left + wide + 0.2) / width, below / height, 0.15 / width, high / height)))
    return figure


def png(figure: Figure, *, dpi: int = 150) -> bytes:
    """The figure as PNG."""
    return _saved(figure, "png", dpi=dpi, metadata={"Software": "explain"})


def svg(figure: Figure) -> bytes:
    """The figure as SVG. Letters are drawn as paths, so that it looks the same where the fonts are missing."""
    return _saved(figure, "svg", metadata={"Creator": "explain", "Date": None})


def _saved(figure: Figure, kind: str, **more: Any) -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format=kind, facecolor="white", **more)
    return written.getvalue()


def _figure() -> Figure:
    """An empty figure; its size is set once its labels are measured, which is much faster than to lay it out while it is drawn."""
    figure = Figure(facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _columns(explanation: Explanation, words: bool, special: bool) -> tuple[Shown, list[str], FontProperties]:
    """The display choice, its labels as they can be drawn, and their font."""
    columns = shown(explanation.tokens, explanation.text, merge=words, special=special)
    font = FontProperties(family=families([*columns.labels, margin(explanation.target, explanation.foil)]))
    marks = ["→ " if output else "" for output in columns.output]
    return columns, [drawable(mark + label, font.get_family()) for mark, label in zip(marks, columns.labels, strict=True)], font


def _panels(count: int) -> list[slice]:
    """Columns in runs of at most `PER_ROW`, as equal as can be."""
    rows = max(1, -(-count // PER_ROW))
    size = max(1, -(-count // rows))
    return [slice(start, start + size) for start in range(0, max(1, count), size)]


def _stacked(
    labels: Sequence[str], rows: Sequence[str], count: int, height: float, font: FontProperties, *, above: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Axes of one size below each other, with room for the labels of rows and (turned) columns; sizes in inches."""
    figure = _figure()
    left, below = 0.2 + _widest(figure, rows, font), 0.2 + _turned(figure, labels, font)
    width = left + max(4.5, 0.36 * min(len(labels), PER_ROW)) + 0.1
    whole = 0.75 + count * (above + height + below)
    figure.set_size_inches(width, whole)
    bottoms = [whole - 0.75 - (number + 1) * (above + height + below) + below for number in range(count)]
    return figure, [figure.add_axes((left / width, bottom / whole, 1 - (left + 0.1) / width, height / whole)) for bottom in bottoms]


def _grid(axes: Axes, rows: Sequence[str], columns: Sequence[str], font: FontProperties, *, every: int = 1) -> None:
    """Labels on both sides, or every so many of them, and white lines between the cells."""
    axes.set_yticks(range(0, len(rows), every), labels=list(rows)[::every], fontproperties=font, fontsize=9, **_PLAIN)
    _ticks(axes, columns, font, every=every)
    low, high = -0.5, max(1, len(rows)) - 0.5
    width = 1.0 / every**2
    axes.vlines(np.arange(len(columns) + 1) - 0.5, low, high, color="white", linewidth=width)
    axes.hlines(np.arange(len(rows) + 1) - 0.5, -0.5, len(columns) - 0.5, color="white", linewidth=width)
    axes.set_ylim(high, low)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _ticks(axes: Axes, labels: Sequence[str], font: FontProperties, *, every: int = 1) -> None:
    turned: dict[str, Any] = {"rotation": 40, "rotation_mode": "anchor", "ha": "right", "va": "top"}
    axes.set_xticks(range(0, len(labels), every), labels=list(labels)[::every], fontproperties=font, fontsize=9, **turned, **_PLAIN)
    axes.set_xlim(-0.5, max(1, len(labels)) - 0.5)


def _title(figure: Figure, explanation: Explanation, font: FontProperties) -> None:
    """What is explained and what the colours mean."""
    target = margin(explanation.target, explanation.foil)
    kinds = sorted({a.signed for a in explanation}, reverse=True)
    name = drawable(target, font.get_family())
    lines = [f"Why {name}?", *(legend(name, signed=signed) for signed in kinds)]
    figure.suptitle("\n".join(lines), fontproperties=font, fontsize=10, color=INK, **_PLAIN)


def _wrapped(figure: Figure, texts: Sequence[str], font: FontProperties, size: float, width: float) -> list[list[tuple[str, float, float]]]:
    """Pieces in lines at most `width` inches wide, each with its place from the left and its width."""
    lines: list[list[tuple[str, float, float]]] = [[]]
    left = 0.0
    for raw in texts:
        text = raw if raw.isspace() else drawable(raw, font.get_family())
        wide = _measured(figure, "_" if text.isspace() else text, font, size)
        if left + wide > width and lines[-1] and not text.isspace():
            lines.append([])
            left = 0.0
        lines[-1].append((text, left, wide))
        left += wide
    return lines


def _widest(figure: Figure, labels: Sequence[str], font: FontProperties) -> float:
    """Inches that labels beside the axes need."""
    return max((_measured(figure, label, font, 9) for label in set(labels)), default=0.0)


def _turned(figure: Figure, labels: Sequence[str], font: FontProperties) -> float:
    """Inches that labels below the axes need, turned by 40 degrees."""
    return 0.1 + 0.65 * _widest(figure, labels, font)


def _measured(figure: Figure, text: str, font: FontProperties, size: float) -> float:
    """Width of a text in inches."""
    drawn = figure.text(0, 0, text, fontproperties=font, fontsize=size, **_PLAIN)
    box = drawn.get_window_extent(figure.canvas.get_renderer())  # type: ignore[attr-defined]
    drawn.remove()
    return float(box.width / figure.dpi)
