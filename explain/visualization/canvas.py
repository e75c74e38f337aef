"""Matplotlib figures whose size is that of their labels: axes, ticks, titles and wrapped text, measured before they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from explain.models.score import margin
from explain.results import Explanation
from explain.visualization.colors import INK, legend
from explain.visualization.fonts import drawable, families
from explain.visualization.tokens import Shown, pooled, shown

PER_ROW = 40
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}


def empty_figure() -> Figure:
    """An empty figure; its size is set once its labels are measured, which is much faster than to lay it out while it is drawn."""
    figure = Figure(facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def columns_of(explanation: Explanation, words: bool, special: bool, *, size: int = 1) -> tuple[Shown, list[str], FontProperties]:
    """The display choice, its labels as they can be drawn, and their font; every `size` columns are one."""
    columns = shown(explanation.tokens, explanation.text, merge=words, special=special)
    columns = pooled(columns, size)
    font = FontProperties(family=families([*columns.labels, margin(explanation.target, explanation.foil)]))
    marks = ["→ " if output else "" for output in columns.output]
    return columns, [drawable(mark + label, font.get_family()) for mark, label in zip(marks, columns.labels, strict=True)], font


def panels(count: int) -> list[slice]:
    """Columns in runs of at most `PER_ROW`, as equal as can be."""
    rows = max(1, -(-count // PER_ROW))
    size = max(1, -(-count // rows))
    return [slice(start, start + size) for start in range(0, max(1, count), size)]


def stacked_axes(
    labels: Sequence[str], rows: Sequence[str], count: int, height: float, font: FontProperties, *, above: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Axes of one size below each other, with room for the labels of rows and (turned) columns; sizes in inches."""
    figure = empty_figure()
    left, below = 0.2 + widest(figure, rows, font), 0.2 + turned(figure, labels, font)
    width = left + max(4.5, 0.36 * min(len(labels), PER_ROW)) + 0.1
    whole = 0.75 + count * (above + height + below)
    figure.set_size_inches(width, whole)
    bottoms = [whole - 0.75 - (number + 1) * (above + height + below) + below for number in range(count)]
    return figure, [figure.add_axes((left / width, bottom / whole, 1 - (left + 0.1) / width, height / whole)) for bottom in bottoms]


def draw_grid(axes: Axes, rows: Sequence[str], columns: Sequence[str], font: FontProperties, *, every: int = 1) -> None:
    """Labels on both sides, or every so many of them, and white lines between the cells."""
    axes.set_yticks(range(0, len(rows), every), labels=list(rows)[::every], fontproperties=font, fontsize=9, **PLAIN)
    draw_ticks(axes, columns, font, every=every)
    low, high = -0.5, max(1, len(rows)) - 0.5
    width = 1.0 / every**2
    axes.vlines(np.arange(len(columns) + 1) - 0.5, low, high, color="white", linewidth=width)
    axes.hlines(np.arange(len(rows) + 1) - 0.5, -0.5, len(columns) - 0.5, color="white", linewidth=width)
    axes.set_ylim(high, low)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def draw_ticks(axes: Axes, labels: Sequence[str], font: FontProperties, *, every: int = 1) -> None:
    """Turned labels below the axes, or every so many of them."""
    turned: dict[str, Any] = {"rotation": 40, "rotation_mode": "anchor", "ha": "right", "va": "top"}
    axes.set_xticks(range(0, len(labels), every), labels=list(labels)[::every], fontproperties=font, fontsize=9, **turned, **PLAIN)
    axes.set_xlim(-0.5, max(1, len(labels)) - 0.5)


def draw_title(figure: Figure, explanation: Explanation, font: FontProperties, said: str = "") -> None:
    """What is explained and what the colours mean, and what else is to be `said`."""
    target = margin(explanation.target, explanation.foil)
    kinds = sorted({a.signed for a in explanation}, reverse=True)
    name = drawable(target, font.get_family())
    lines = [f"Why {name}?", *(legend(name, signed=signed) for signed in kinds)]
    figure.suptitle("\n".join(filter(None, [*lines, said])), fontproperties=font, fontsize=10, color=INK, **PLAIN)


def wrapped(figure: Figure, texts: Sequence[str], font: FontProperties, size: float, width: float) -> list[list[tuple[str, float, float]]]:
    """Pieces in lines at most `width` inches wide, each with its place from the left and its width."""
    lines: list[list[tuple[str, float, float]]] = [[]]
    left = 0.0
    for raw in texts:
        text = raw if raw.isspace() else drawable(raw, font.get_family())
        wide = measured(figure, "_" if text.isspace() else text, font, size)
        if left + wide > width and lines[-1] and not text.isspace():
            lines.append([])
            left = 0.0
        lines[-1].append((text, left, wide))
        left += wide
    return lines


def widest(figure: Figure, labels: Sequence[str], font: FontProperties) -> float:
    """Inches that labels beside the axes need."""
    return max((measured(figure, label, font, 9) for label in set(labels)), default=0.0)


def turned(figure: Figure, labels: Sequence[str], font: FontProperties) -> float:
    """Inches that labels below the axes need, turned by 40 degrees."""
    return 0.1 + 0.65 * widest(figure, labels, font)


def measured(figure: Figure, text: str, font: FontProperties, size: float) -> float:
    """Width of a text in inches."""
    drawn = figure.text(0, 0, text, fontproperties=font, fontsize=size, **PLAIN)
    box = drawn.get_window_extent(figure.canvas.get_renderer())  # type: ignore[attr-defined]
    drawn.remove()
    return float(box.width / figure.dpi)
