"""Backgrounds in the common palette on which dark text stays readable."""

from __future__ import annotations

from explain.visualization.colors import AWAY, TOWARDS, WEIGHT

INK = "#1b1b1b"
PAPER = "#ffffff"
STRONGEST = 0.6


def tint(score: float, limit: float, *, signed: bool) -> str:
    """The background of a score where `limit` is the strongest: paper for 0, at most 60 % of the palette's colour.

    `INK` on it has a contrast of at least 5:1 (WCAG 2 asks 4.5:1 for AA).
    """
    share = min(1.0, abs(score) / limit) * STRONGEST if limit > 0 else 0.0
    color = WEIGHT if not signed else TOWARDS if score > 0 else AWAY
    return "#" + "".join(f"{round(_part(color, i) * share + _part(PAPER, i) * (1 - share)):02x}" for i in (1, 3, 5))


def _part(color: str, start: int) -> int:
    return int(color[start : start + 2], 16)
