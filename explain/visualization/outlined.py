"""Tokens with their colours as HTML, and the tokens of keywords outlined."""

from __future__ import annotations

import html
from collections.abc import Collection

import numpy as np

from explain.results import Explanation
from explain.visualization.colors import MARK, color_of, ink_of
from explain.visualization.tokens import shown

OUTLINE = f"outline: 2px solid {MARK}; outline-offset: -1px;"


def outlined(explanation: Explanation, method: str, tokens: Collection[int], *, special: bool = True) -> str:
    """One line of tokens coloured by a method, those of `tokens` outlined; hover shows the score. All text is escaped."""
    attribution = explanation[method]
    columns = shown(explanation.tokens, explanation.text, merge=False, special=special)
    scores = columns.scores(attribution.scores).tolist()
    limit = float(np.abs(scores).max(initial=0.0))
    pieces: list[str] = []
    for text, column in columns.pieces:
        if column is None:
            pieces.append(html.escape(text))
            continue
        outline = OUTLINE if set(columns.groups[column].indices) & set(tokens) else ""
        background, ink = (find(scores[column], limit, signed=attribution.signed) for find in (color_of, ink_of))
        style = f"background: {background}; color: {ink}; padding: 0 2px; {outline}"
        pieces.append(f'<span style="{style}" title="{scores[column]:+.4g}">{html.escape(text)}</span>')
    return f'<p translate="no" dir="auto" style="line-height: 1.9">{"".join(pieces)}</p>'
