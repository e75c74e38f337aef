"""The views as Matplotlib figures, for papers and files.

Every function returns a `Figure` with an Agg canvas of its own: pyplot and its global state are never touched, so that figures can be
made in several threads. Labels are drawn letter by letter: `$` starts no formula.
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle

from explain.results import Explanation
from explain.visualization.attention import GROUP_TITLES, attention_map
from explain.visualization.canvas import (
    PLAIN,
    columns_of,
    draw_grid,
    draw_ticks,
    draw_title,
    empty_figure,
    panels,
    stacked_axes,
    turned,
    widest,
    wrapped,
)
from explain.visualization.colors import AWAY, INK, SIGNED_SCALE, TOWARDS, WEIGHT, WEIGHT_SCALE, Scale, color_of, ink_of
from explain.visualization.fonts import drawable, families
from explain.visualization.tokens import highlighted, limits, shown

SIGNED, UNSIGNED = (
    LinearSegmentedColormap.from_list(name, [str(color) for _, color in scale])
    for name, scale in (("explain signed", SIGNED_SCALE), ("explain weight", WEIGHT_SCALE))
)
WIDEST = 18.0
MOST_COLUMNS = 200
"""Of a heatmap; a longer text is drawn with several tokens in one column."""
_LINE = 0.13


def methods_heatmap(explanation: Explanation, *, words: bool = False, special: bool = True, scale: Scale = Scale.PER_METHOD) -> Figure:
    """One row per method, one column per token; more than 40 tokens go on in a further row of panels.

    Above 200, each column is the sum over several tokens, which the title says.

    Args:
        explanation: What to draw.
        words: Merge sub-words to words (scores are summed).
        special: Show special tokens.
        scale: Colours relative to each method's own largest score or, for the signed methods, to the largest of all.
    """
    size = -(-len(shown(explanation.tokens, explanation.text, merge=words, special=special).groups) // MOST_COLUMNS)
    columns, labels, font = columns_of(explanation, words, special, size=size)
    attributions = explanation.attributions
    values = [columns.scores(a.scores) for a in attributions]
    strongest = limits(attributions, columns, scale)
    shares = np.stack([v / s for v, s in zip(values, strongest, strict=True)]) if values else np.zeros((0, len(labels)))
    signed = np.array([a.signed for a in attributions], dtype=bool)
    titles = [a.title for a in attributions]
    parts = panels(len(labels))
    figure, stacked = stacked_axes(labels, titles, len(parts), 0.34 * max(1, len(titles)), font)
    for axes, part in zip(stacked, parts, strict=True):
        for rows, colors, low in ((signed, SIGNED, -1.0), (~signed, UNSIGNED, 0.0)):
            if rows.any():
                drawn = np.ma.masked_array(shares[:, part], mask=np.repeat(~rows[:, None], len(labels[part]), axis=1))
                axes.imshow(drawn, cmap=colors, vmin=low, vmax=1.0, aspect="auto", interpolation="nearest")
        draw_grid(axes, titles, labels[part], font)
        axes.set_xlim(-0.5, parts[0].stop - 0.5)
    draw_title(figure, explanation, font, f"Each column is the sum over {size} {'words' if words else 'tokens'}." * (size > 1))
    return figure


def method_bars(explanation: Explanation, *, words: bool = False, special: bool = True) -> Figure:
    """One panel per method with a bar and its number for every token; more than 40 tokens go on in further panels."""
    columns, labels, font = columns_of(explanation, words, special)
    parts = [(a, part) for a in explanation for part in panels(len(labels))]
    figure, stacked = stacked_axes(labels, ["-0.000"], len(parts), 1.3, font, above=0.25)
    for axes, (attribution, part) in zip(stacked, parts, strict=True):
        scores = columns.scores(attribution.scores)
        span = float(np.abs(scores).max(initial=0.0)) or 1.0
        colors = [WEIGHT if not attribution.signed else TOWARDS if score > 0 else AWAY for score in scores[part]]
        bars = axes.bar(range(len(labels[part])), scores[part], color=colors, width=0.8)
        axes.bar_label(bars, [f"{score:.2g}" for score in scores[part]], fontsize=6, padding=1, color=INK, parse_math=False)
        axes.set_ylim((-1.25 if (scores < 0).any() else 0.0) * span, (1.25 if (scores > 0).any() else 0.25) * span)
        axes.axhline(0.0, color=INK, linewidth=0.6)
        axes.set_title(attribution.title, loc="left", fontsize=10)
        draw_ticks(axes, labels[part], font)
        axes.set_xlim(-0.5, parts[0][1].stop - 0.5)
        axes.spines[["top", "right"]].set_visible(False)
    draw_title(figure, explanation, font)
    return figure


def token_strips(explanation: Explanation, *, words: bool = False, special: bool = True) -> Figure:
    """The text once per method, each token on a background of its score's colour; long texts are wrapped."""
    columns, _, font = columns_of(explanation, words, special)
    width, size, line = 9.0, 11.0, 0.3
    figure = empty_figure()
    strips = [(a, wrapped(figure, [t for t, _ in highlighted(a, columns)], font, size, width - 0.6)) for a in explanation]
    height = 1.0 + sum(0.45 + line * len(lines) for _, lines in strips)
    figure.set_size_inches(width, height)
    places = [column for _, column in columns.pieces]
    top = height - 0.95
    for attribution, lines in strips:
        scores = columns.scores(attribution.scores)
        limit = float(np.abs(scores).max(initial=0.0))
        figure.text(0.3 / width, top / height, attribution.title, fontsize=10, weight="bold", color=INK, **PLAIN)
        pair = 0
        for number, pieces in enumerate(lines):
            for text, left, wide in pieces:
                place = places[pair]
                pair += 1
                x, y = (0.3 + left) / width, (top - line * (number + 1)) / height
                ink = INK
                if place is not None:
                    color, ink = (find(float(scores[place]), limit, signed=attribution.signed) for find in (color_of, ink_of))
                    figure.add_artist(Rectangle((x, y - 0.06 / height), wide / width, 0.22 / height, color=color, linewidth=0))
                if not text.isspace():
                    figure.text(x, y, text, fontproperties=font, fontsize=size, color=ink, **PLAIN)
        top -= 0.45 + line * len(lines)
    draw_title(figure, explanation, font)
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
    figure = empty_figure()
    left, below = 0.4 + widest(figure, rows, font), 0.4 + turned(figure, keys, font)
    wide, high = (min(WIDEST, max(2.5, size * len(labels))) for size, labels in ((0.28, keys), (0.24, rows)))
    width, height = left + wide + 1.0, 0.4 + high + below
    figure.set_size_inches(width, height)
    axes = figure.add_axes((left / width, below / height, wide / width, high / height))
    image = axes.imshow(chosen.matrix, cmap=UNSIGNED, vmin=0.0, vmax=float(chosen.matrix.max(initial=0.0)) or 1.0, aspect="auto")
    draw_grid(axes, rows, keys, font, every=math.ceil(_LINE * max(len(rows) / high, len(keys) / wide)))
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
