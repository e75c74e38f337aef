"""An explanation as plain lines for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from explain.models.score import margin
from explain.results import Attribution, Explanation
from explain.visualization.numbers import percent
from explain.visualization.tokens import shown
from explain.visualization.trust import trust

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
