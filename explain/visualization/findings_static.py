"""What a run found as Matplotlib figures, for papers and files: one page for each kind of finding."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from explain.dataset.findings.found import Effect
from explain.dataset.findings.result import Findings
from explain.evaluation.agreement import Measure
from explain.intervals import Interval
from explain.types import Array
from explain.visualization.canvas import PLAIN, draw_grid, empty_figure, turned, widest
from explain.visualization.colors import AWAY, INK, TOWARDS, WEIGHT
from explain.visualization.fonts import drawable, families
from explain.visualization.static import SIGNED

ROW = 0.22


def report_figures(found: Findings) -> Iterator[Figure]:
    """The pages of a report: words by method and class, errors by method and label, cues, methods and heads."""
    for method, target in dict.fromkeys((one.method, one.target) for one in found.words):
        words = [one for one in found.words if (one.method, one.target) == (method, target)]
        signed = next(label.signed for label in found.labels if label.name == method)
        title = f"{found.titles[method]}: words by their mean effect on {target}"
        yield bar_figure([one.word for one in words], [one.effect for one in words], title, signed=signed)
    for method, label in dict.fromkeys((one.method, one.label) for one in found.errors):
        errors = [one for one in found.errors if (one.method, one.label) == (method, label)]
        effects = [Effect(one.difference, one.low, one.high, one.wrong.rows + one.right.rows, 0) for one in errors]
        title = f"{found.titles[method]}: effect in wrong minus in right answers, label {label}"
        yield bar_figure([one.word for one in errors], effects, title, signed=True)
    for method in dict.fromkeys(one.method for one in found.cues):
        cues = [one for one in found.cues if one.method == method]
        names = [f"{'! ' if one.spurious else ''}{one.word} → {one.target}" for one in cues]
        title = f"{found.titles[method]}: effect in rows of other labels (! spurious)"
        yield bar_figure(names, [one.other for one in cues], title, signed=True)
    if found.faithfulness is not None:
        own = found.faithfulness
        entries = sorted(own.overall.items(), key=lambda item: own.rank[item[0]])
        effects = [Effect(float(value.mean), float(value.low), float(value.high), own.texts, 0) for _, value in entries]
        yield bar_figure([own.titles[name] for name, _ in entries], effects, "Faithfulness: 0 random, 1 best found", signed=False)
    if found.agreement is not None:
        titles = list(found.agreement.titles.values())
        tau = found.agreement.matrices[Measure.KENDALL]
        yield matrix_figure(tau.mean if isinstance(tau, Interval) else tau, titles, titles, "Agreement: mean Kendall's tau", limit=1.0)
    if found.heads is not None:
        for group, effect in found.heads.effect.items():
            layers, heads = ([str(number) for number in range(count)] for count in effect.mean.shape)
            yield matrix_figure(effect.mean, layers, heads, f"Fall of the score without each head ({group}): layers x heads")


def bar_figure(labels: Sequence[str], effects: Sequence[Effect], title: str, *, signed: bool) -> Figure:
    """A bar with its 95 % interval for each label, from the top, with the number of rows beside it."""
    names, font = _drawable([*labels, title])
    names, said = names[:-1], title if len(title) < 24 else _line(title, font)
    figure = empty_figure()
    left, high = 0.2 + widest(figure, names, font), 0.4 + ROW * max(2, len(names))
    width, height = left + 5.6, high + 0.9
    figure.set_size_inches(width, height)
    axes = figure.add_axes((left / width, 0.45 / height, 4.6 / width, high / height))
    means = np.array([effect.mean for effect in effects])
    ends = np.nan_to_num(np.array([[effect.mean - effect.low, effect.high - effect.mean] for effect in effects]).reshape(-1, 2).T)
    colors = [(TOWARDS if mean >= 0 else AWAY) if signed else WEIGHT for mean in means]
    axes.barh(range(len(names)), means, xerr=ends, color=colors, height=0.7, error_kw={"ecolor": INK, "elinewidth": 0.8, "capsize": 2})
    axes.set_yticks(range(len(names)), labels=names, fontproperties=font, fontsize=9, **PLAIN)
    axes.set_ylim(max(2, len(names)) - 0.5, -0.5)
    axes.axvline(0.0, color=INK, linewidth=0.6)
    _rows(axes, effects)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title(said, loc="left", fontproperties=font, fontsize=10, color=INK, **PLAIN)
    return figure


def matrix_figure(values: Array, rows: Sequence[str], columns: Sequence[str], title: str, *, limit: float | None = None) -> Figure:
    """A labelled matrix in the common colours, with its numbers where there is room."""
    both, font = _drawable([*rows, *columns])
    names, heads = both[: len(rows)], both[len(rows) :]
    figure = empty_figure()
    left, below = 0.5 + widest(figure, names, font), 0.4 + turned(figure, heads, font)
    wide, high = max(3.5, 0.5 * len(heads)), max(1.0, 0.32 * len(names))
    width, height = left + wide + 0.3, below + high + 0.5
    figure.set_size_inches(width, height)
    axes = figure.add_axes((left / width, below / height, wide / width, high / height))
    most = limit or float(np.abs(np.nan_to_num(values)).max(initial=0.0)) or 1.0
    axes.imshow(values, cmap=SIGNED, vmin=-most, vmax=most, aspect="auto")
    draw_grid(axes, names, heads, font)
    if len(heads) <= 16:
        for (row, column), value in np.ndenumerate(values):
            if value == value:
                ink = "#ffffff" if abs(value) > 0.8 * most else INK
                axes.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=7, color=ink)
    axes.set_title(title, loc="left", fontsize=10, color=INK, **PLAIN)
    return figure


def findings_pdf(found: Findings) -> bytes:
    """All pages as one PDF; a single page says so where nothing was found."""
    written = io.BytesIO()
    with PdfPages(written, metadata={"Creator": "explain", "CreationDate": None}) as pages:
        for figure in _or_empty(found):
            pages.savefig(figure, facecolor="white", bbox_inches="tight")
    return written.getvalue()


def findings_png(found: Findings, *, dpi: int = 120) -> bytes:
    """All pages below each other as one PNG."""
    from matplotlib.image import imread, imsave

    images = []
    for figure in _or_empty(found):
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=dpi, facecolor="white")
        drawn.seek(0)
        images.append(imread(drawn)[..., :3])
    wide = max(image.shape[1] for image in images)
    page = np.concatenate([np.pad(image, ((0, 0), (0, wide - image.shape[1]), (0, 0)), constant_values=1.0) for image in images])
    written = io.BytesIO()
    imsave(written, page, format="png", metadata={"Software": "explain"})
    return written.getvalue()


def _or_empty(found: Findings) -> list[Figure]:
    return list(report_figures(found)) or [bar_figure([], [], "Nothing was found", signed=True)]


def _drawable(labels: Sequence[str]) -> tuple[list[str], FontProperties]:
    font = FontProperties(family=families(labels))
    return [drawable(label, font.get_family()) for label in labels], font


def _line(title: str, font: FontProperties) -> str:
    """A title, of which only words of 24 characters or more are cut."""
    return " ".join(drawable(word, font.get_family()) for word in title.split())


def _rows(axes: Axes, effects: Sequence[Effect]) -> None:
    """How many rows each mean rests on, at the right edge."""
    for number, effect in enumerate(effects):
        axes.text(1.01, number, f"{effect.rows:,}", transform=axes.get_yaxis_transform(), fontsize=7, va="center", color=INK)
