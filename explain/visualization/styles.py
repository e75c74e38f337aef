"""How the lines of a chart are told apart: by their number in it, whatever they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from explain.evaluation.labels import MethodLabel
from explain.types import Family

COLORS = "#0072b2 #d55e00 #009e73 #cc79a7 #b8860b #56b4e9 #7b3fa0 #8c564b #607d3b #c2185b #00838f #6d6d6d".split()
MARKERS = "circle square diamond cross x triangle-up triangle-down star hexagon pentagon bowtie hourglass".split()


class Style(TypedDict):
    """A line's colour, dash and marker, if it has one."""

    color: str
    dash: str
    symbol: str | None


def style_at(number: int, *, dotted: bool = False) -> Style:
    """The style of the line with this number (from 0): of 144, no two have the same colour and marker."""
    turn = number // len(COLORS)
    return {
        "color": COLORS[number % len(COLORS)],
        "dash": "dot" if dotted else "solid",
        "symbol": MARKERS[(number + turn) % len(MARKERS)],
    }


def styles_of(labels: Sequence[MethodLabel]) -> dict[str, Style]:
    """A style for each method of a chart, by their order; internal methods are dotted, external ones solid."""
    return {label.name: style_at(number, dotted=label.family is Family.INTERNAL) for number, label in enumerate(labels)}
