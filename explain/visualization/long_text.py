"""The coloured text of one method where it is long: a strip of the whole that leads to parts, which a browser draws when they are seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from explain.results import Attribution
from explain.types import Array
from explain.visualization.colors import LEVEL_COLORS, LEVEL_INKS, level
from explain.visualization.document import text_of
from explain.visualization.tokens import Shown, pooled
from explain.visualization.trust import trust

LONG = 400
"""With more columns, a text is long; a table then holds as many tokens."""
PARTS = 40
_SHORT = {name: name[0] + name[-1] for name in LEVEL_COLORS}
LONG_STYLE = "\n".join(
    [
        ".strip { font-size: .7rem; line-height: 1.6; margin: .3rem 0 }",
        ".strip a { display: inline-block; min-width: 2.2em; text-align: center; color: inherit; text-decoration: none }",
        ".strip a { border: 1px solid #ccc; margin: 0 1px 1px 0 }",
        ".part { content-visibility: auto; contain-intrinsic-size: auto 12rem; scroll-margin-top: 1rem }",
        *(f".{_SHORT[name]} {{ background: {color}; color: {LEVEL_INKS[name]} }}" for name, color in LEVEL_COLORS.items()),
        *(f".strip a.{_SHORT[name]} {{ color: {LEVEL_INKS[name]} }}" for name in LEVEL_COLORS),
    ]
)


def long_text(attribution: Attribution, columns: Shown) -> list[str]:
    """HTML: a strip of links, the parts of the text, and how exact the method is; tokens with hardly a score are plain."""
    size = -(-len(columns.groups) // PARTS)
    scores = columns.scores(attribution.scores)
    sums = pooled(columns, size).scores(attribution.scores)
    links, parts = [], []
    for number, start in enumerate(range(0, len(columns.groups), size)):
        part = f"{attribution.method}-{start + 1}"
        look = _look(float(sums[number]), float(np.abs(sums).max(initial=0)), attribution.signed)
        links.append(f'<a href="#{text_of(part)}"{look} title="{sums[number]:+.4g}">{start + 1}</a>')
        pieces = [
            text_of(text)
            if column is None
            else _piece(text, float(scores[start + column]), float(np.abs(scores).max(initial=0)), attribution.signed)
            for text, column in columns.part(slice(start, start + size)).pieces
        ]
        parts.append(f'<p class="tokens part" id="{text_of(part)}" translate="no" dir="auto">{"".join(pieces)}</p>')
    return [
        f"<h3>{text_of(attribution.title)}</h3>",
        f'<nav class="strip" aria-label="{text_of(attribution.title)}: parts of the text">{"".join(links)}</nav>',
        *parts,
        f'<p class="trust">{text_of(". ".join(trust(attribution)))}.</p>',
    ]


def strongest(scores: Sequence[Array], count: int) -> list[int]:
    """Those of `count` columns to which one of the methods gives most, in their order; at most `LONG`."""
    if count <= LONG or not scores:
        return list(range(min(count, LONG)))
    shares = np.max([np.abs(values) / (np.abs(values).max(initial=0) or 1.0) for values in scores], axis=0)
    return sorted(np.argsort(-shares, kind="stable")[:LONG].tolist())


def _piece(text: str, score: float, limit: float, signed: bool) -> str:
    look = _look(score, limit, signed)
    return f'<span{look} title="{score:+.4g}">{text_of(text)}</span>' if look else text_of(text)


def _look(score: float, limit: float, signed: bool) -> str:
    name = level(score, limit, signed=signed)
    return "" if name is None else f' class="{_SHORT[name]}"'
