"""An explanation as plain lines for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from explain.models.score import margin
from explain.results import Attribution, Explanation
from explain.segments import SegmentScores
from explain.visualization.numbers import percent
from explain.visualization.tokens import shown
from explain.visualization.trust import trust

if TYPE_CHECKING:
    from explain.evaluation.context import ContextAttribution

_BAR = 10


def table(explanation: Explanation, *, words: bool = False, special: bool = True) -> str:
    """What was predicted, one line per token with its number and bar by every method, and how exact each method is.

    A bar of `+` pushes towards the target, of `-` away from it, of `=` is weight without a direction; ten signs are the method's
    largest score.
    """
    chance = percent(explanation.target.probability)
    lines = [
        f"{printable(explanation.model)} · {explanation.task} · {printable(explanation.text)}",
        *([f"Output: {printable(explanation.prediction.text)}"] if explanation.outputs else []),
        f"Why {printable(margin(explanation.target, explanation.foil))}"
        f"{f' (probability {chance})' if chance else ''}? Unit: {explanation.unit.value.replace('_', '-')}. "
        "Bars: + towards it, - away from it, = weight without a direction.",
        "",
    ]
    columns = shown(explanation.tokens, explanation.text, merge=words, special=special)
    names = [("→ " if output else "") + printable(label) for label, output in zip(columns.labels, columns.output, strict=True)]
    parts = [_column(a, columns.scores(a.scores).tolist()) for a in explanation]
    lines += grid([["token", *(a.method for a in explanation)], *([n, *(p[i] for p in parts)] for i, n in enumerate(names))])
    lines += ["", *(f"{printable(a.title)}: {'; '.join(trust(a))}." for a in explanation)]
    return "\n".join(lines)


def segments_table(sums: SegmentScores, *, special: bool = True) -> str:
    """One line per segment with its number by every method."""
    shown = [number for number, segment in enumerate(sums.segments) if special or not segment.special]
    rows = [[printable(sums.labels[n]), *(f"{scores[n]:+10.4f}" for scores in sums.scores.values())] for n in shown]
    return "\n".join(grid([[f"sums over {sums.granularity}", *sums.scores], *rows]))


def context_table(found: ContextAttribution) -> str:
    """Segments x methods for every sentence of an answer, and how far each method can be believed."""
    lines = []
    for number, sentence in enumerate(found.sentences):
        rows = [
            [printable(label), *(f"{method.scores[place, number]:+10.4f}" for method in found.methods.values())]
            for place, label in enumerate(found.labels)
        ]
        lines += [f"Sentence {number + 1}: {printable(sentence)}", *grid([[found.granularity.value, *found.methods], *rows]), ""]
    falls = list(next(iter(found.methods.values())).drops)
    judged = [["method", *(f"falls by, without {k}" for k in falls), "rank correlation"]]
    for name, method in found.methods.items():
        known = method.correlation[np.isfinite(method.correlation)]
        judged.append([name, *(f"{method.drops[k].mean():.4g}" for k in falls), f"{known.mean():.2f}" if len(known) else "-"])
    said = f"Means over the sentences; the correlation is that of summed scores with the score over {found.held_out} unseen ablations."
    return "\n".join([*lines, *grid(judged), said])


def grid(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns as wide as their widest cell on a terminal."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell + " " * (size - width(cell)) for cell, size in zip(row, widths, strict=True)).rstrip() for row in rows]


def width(text: str) -> int:
    """Columns that a text takes: two for wide East Asian characters, none for combining marks."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def printable(text: str) -> str:
    """The text on one line without control characters, so that it cannot steer the terminal."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def _column(attribution: Attribution, scores: list[float]) -> list[str]:
    strongest = max(map(abs, scores), default=0.0)
    cells = []
    for score in scores:
        sign = "=" if not attribution.signed else "+" if score > 0 else "-"
        cells.append(f"{score:+10.4f} {sign * (round(_BAR * abs(score) / strongest) if strongest else 0)}")
    return cells
