"""Fonts of this machine that can draw a text with Matplotlib, and what is drawn where none can."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from matplotlib import font_manager

FALLBACKS = (
    "Noto Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Noto Sans JP",
    "Noto Sans KR",
    "PingFang SC",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "Malgun Gothic",
    "WenQuanYi Micro Hei",
    "Arial Unicode MS",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Sans Symbols 2",
    "Noto Emoji",
)
"""Common fonts for scripts that Matplotlib's own lacks, tried in this order where they are installed."""

BASE = "DejaVu Sans"
BLANK = "□"
LONGEST = 24


def families(texts: Iterable[str]) -> list[str]:
    """Matplotlib's own font, and as few installed others as the characters of these texts need."""
    missing = {ord(c) for text in texts for c in text} - _characters(BASE)
    chosen = [BASE]
    for name in _installed():
        if missing and (covered := missing & _characters(name)):
            chosen.append(name)
            missing -= covered
    return chosen


def drawable(text: str, fonts: Iterable[str]) -> str:
    """The text on one line, cut to 24 characters, with a box for what none of the fonts has.

    A missing glyph would make Matplotlib warn from inside every drawing, and only a process-wide filter could silence that.
    """
    known = frozenset().union(*map(_characters, fonts))
    line = "".join("↵" if c == "\n" else " " if c.isspace() else c for c in text)
    cut = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    return "".join(c if ord(c) in known else BLANK for c in cut)


@functools.lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    names = set(font_manager.fontManager.get_font_names())
    return tuple(name for name in FALLBACKS if name in names)


@functools.lru_cache(maxsize=32)
def _characters(name: str) -> frozenset[int]:
    path = font_manager.findfont(font_manager.FontProperties(family=[name]), fallback_to_default=name == BASE)
    return frozenset(font_manager.get_font(path).get_charmap())
