"""An explanation as one HTML file that needs nothing else: no script, no font, no request."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from explain.models.score import margin
from explain.results import Attribution, Explanation
from explain.types import Target
from explain.visualization.colors import INK, color_of, ink_of, legend
from explain.visualization.numbers import percent
from explain.visualization.tokens import Shown, column_of, highlighted, shown
from explain.visualization.trust import trust

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = f"""
body {{ font: 16px/1.5 system-ui, sans-serif; color: {INK}; background: #fff; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.6rem; line-height: 1.25 }} h2 {{ font-size: 1.2rem; margin-top: 2rem }} h3 {{ font-size: 1rem; margin-bottom: .3rem }}
.tokens {{ line-height: 2.1; overflow-wrap: anywhere; white-space: pre-wrap; margin: .3rem 0 }}
.tokens span {{ border-radius: .2rem; padding: .15rem 0 }}
.trust {{ font-size: .9rem; color: #444; margin-top: .3rem }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
caption {{ text-align: left; white-space: nowrap; font-size: .9rem; color: #444 }}
th, td {{ padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: right }}
th:first-child, td:first-child {{ text-align: left; white-space: pre-wrap }}
"""


def page(explanation: Explanation, card: Mapping[str, Any] | None = None, *, words: bool = False, special: bool = True) -> str:
    """A standalone HTML5 document: what was predicted, the coloured text of every method, how exact it is, and the raw numbers.

    Args:
        explanation: What to show.
        card: Its explanation card; it is embedded as JSON in the element `#card`, from which the result can be replayed.
        words: Merge sub-words to words in the coloured texts (scores are summed); the table always has tokens.
        special: Show special tokens in the coloured texts.
    """
    target = margin(explanation.target, explanation.foil)
    columns = shown(explanation.tokens, explanation.text, merge=words, special=special)
    first = next(iter(explanation), None)
    places = [column_of(columns, pair) for pair in range(len(highlighted(first, columns)))] if first else []
    body = [
        f"<h1>Why <q>{_text(target)}</q>?</h1>",
        *_question(explanation, target),
        "<h2>Prediction</h2>",
        _predictions(explanation),
        "<h2>Tokens</h2>",
        f"<p>{_text(_legends(explanation, target))} The stronger the colour, the larger the score within its method; "
        "the numbers are in the table below.</p>",
        *(part for attribution in explanation for part in _method(attribution, columns, places)),
        "<h2>Scores</h2>",
        _scores(explanation),
    ]
    if card is not None:
        body += ["<h2>Card</h2>", "<p>This file carries its explanation card as JSON (element <code>#card</code>).</p>", _data(card)]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Why {_text(target)}? {_text(explanation.model)}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _text(text: str) -> str:
    """Text as HTML; characters that HTML does not allow become visible replacements."""
    kept = text.replace("\r\n", "\n").replace("\r", "\n")
    return escape("".join(c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Cn") else "\ufffd" for c in kept))


def _question(explanation: Explanation, target: str) -> list[str]:
    facts = {
        "Text": f'<bdi translate="no">{_text(explanation.text)}</bdi>',
        "Model": _text(explanation.model),
        "Task": _text(explanation.task.replace("_", " ")),
        "Explained": f"{_text(target)} ({_text(explanation.unit.value.replace('_', '-'))})",
    }
    if explanation.outputs:
        facts["Output"] = f'<bdi translate="no">{_text(explanation.prediction.text)}</bdi>'
    rows = (
        f'<tr><th scope="row">{name}</th><td style="text-align: left; white-space: pre-wrap">{value}</td></tr>'
        for name, value in facts.items()
    )
    return ["<table>", "<caption>What was asked</caption>", *rows, "</table>"]


def _predictions(explanation: Explanation) -> str:
    rows = [_prediction(candidate) for candidate in explanation.prediction.candidates]
    return _table("What the model says, the most probable first", ["Answer", "Probability", "Logit"], rows)


def _prediction(candidate: Target) -> list[str]:
    return [candidate.text.strip() or candidate.text, percent(candidate.probability), f"{candidate.logit:.4f}"]


def _legends(explanation: Explanation, target: str) -> str:
    kinds = sorted({attribution.signed for attribution in explanation}, reverse=True)
    return " ".join(legend(target, signed=signed) for signed in kinds)


def _method(attribution: Attribution, columns: Shown, places: Sequence[int | None]) -> list[str]:
    scores = columns.scores(attribution.scores).tolist()
    limit = max(map(abs, scores), default=0.0)
    pieces = []
    for (text, _), place in zip(highlighted(attribution, columns), places, strict=True):
        if place is None:
            pieces.append(_text(text))
            continue
        color, ink = (find(scores[place], limit, signed=attribution.signed) for find in (color_of, ink_of))
        pieces.append(f'<span style="background: {color}; color: {ink}" title="{scores[place]:+.4g}">{_text(text)}</span>')
    return [
        f"<h3>{_text(attribution.title)}</h3>",
        f'<p class="tokens" translate="no" dir="auto">{"".join(pieces)}</p>',
        f'<p class="trust">{_text(". ".join(trust(attribution)))}.</p>',
    ]


def _scores(explanation: Explanation) -> str:
    titles = [attribution.title for attribution in explanation]
    columns = [attribution.scores.tolist() for attribution in explanation]
    rows = [[token.label, *(f"{column[i]:+.6g}" for column in columns)] for i, token in enumerate(explanation.tokens)]
    return _table("Every token that the model reads, with its raw score by every method", ["Token", *titles], rows)


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [
        f'<div class="wide" role="region" aria-label="{_text(caption)}" tabindex="0"><table>\n<caption>{_text(caption)}</caption>',
        "<thead><tr>",
    ]
    lines += [f'<th scope="col">{_text(head)}</th>' for head in heads]
    lines += ["</tr></thead>", "<tbody>"]
    for name, *values in rows:
        cells = "".join(f"<td>{_text(value)}</td>" for value in values)
        lines.append(f'<tr><th scope="row" translate="no">{_text(name)}</th>{cells}</tr>')
    return "\n".join([*lines, "</tbody>", "</table></div>"])


def _data(card: Mapping[str, Any]) -> str:
    """JSON that cannot end the element or open a comment: `<`, `>` and `&` are written as their escapes."""
    text = json.dumps(card, ensure_ascii=True, allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return f'<script type="application/json" id="card">{text}</script>'
