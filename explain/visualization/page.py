"""An explanation as one HTML file that needs nothing else: no script, no font, no request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from explain.models.score import margin
from explain.results import Attribution, Explanation
from explain.types import Target
from explain.visualization.colors import color_of, ink_of, legend
from explain.visualization.document import document, table, text_of
from explain.visualization.long_text import LONG, LONG_STYLE, long_text, strongest
from explain.visualization.numbers import percent
from explain.visualization.tokens import Shown, shown
from explain.visualization.trust import trust


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
    long = len(columns.groups) > LONG
    body = [
        f"<h1>Why <q>{text_of(target)}</q>?</h1>",
        *_question(explanation, target, (card or {}).get("question", {}).get("measure")),
        "<h2>Prediction</h2>",
        _predictions(explanation),
        "<h2>Tokens</h2>",
        f"<p>{text_of(_legends(explanation, target))} The stronger the colour, the larger the score within its method; "
        f"{'the strip shows the whole text and leads to its parts; ' * long}the numbers are in the table below.</p>",
        *(part for attribution in explanation for part in (long_text if long else _method)(attribution, columns)),
        "<h2>Scores</h2>",
        _scores(explanation),
    ]
    if card is not None:
        body += ["<h2>Card</h2>", "<p>This file carries its explanation card as JSON (element <code>#card</code>).</p>", _data(card)]
    return document(f"Why {target}? {explanation.model}", body, style=LONG_STYLE if long else "")


def _question(explanation: Explanation, target: str, measure: str | None) -> list[str]:
    compared = f", {measure} over the tokens of each answer" if measure else ""
    facts = {
        "Text": f'<bdi translate="no">{text_of(explanation.text)}</bdi>',
        "Model": text_of(explanation.model),
        "Task": text_of(explanation.task.replace("_", " ")),
        "Explained": f"{text_of(target)} ({text_of(explanation.unit.value.replace('_', '-') + compared)})",
    }
    if explanation.outputs:
        facts["Output"] = f'<bdi translate="no">{text_of(explanation.prediction.text)}</bdi>'
    rows = (
        f'<tr><th scope="row">{name}</th><td style="text-align: left; white-space: pre-wrap">{value}</td></tr>'
        for name, value in facts.items()
    )
    return ["<table>", "<caption>What was asked</caption>", *rows, "</table>"]


def _predictions(explanation: Explanation) -> str:
    rows = [_prediction(candidate) for candidate in explanation.prediction.candidates]
    return table("What the model says, the most probable first", ["Answer", "Probability", "Logit"], rows)


def _prediction(candidate: Target) -> list[str]:
    return [candidate.text.strip() or candidate.text, percent(candidate.probability), f"{candidate.logit:.4f}"]


def _legends(explanation: Explanation, target: str) -> str:
    kinds = sorted({attribution.signed for attribution in explanation}, reverse=True)
    return " ".join(legend(target, signed=signed) for signed in kinds)


def _method(attribution: Attribution, columns: Shown) -> list[str]:
    scores = columns.scores(attribution.scores).tolist()
    limit = max(map(abs, scores), default=0.0)
    pieces = []
    for text, place in columns.pieces:
        if place is None:
            pieces.append(text_of(text))
            continue
        color, ink = (find(scores[place], limit, signed=attribution.signed) for find in (color_of, ink_of))
        pieces.append(f'<span style="background: {color}; color: {ink}" title="{scores[place]:+.4g}">{text_of(text)}</span>')
    return [
        f"<h3>{text_of(attribution.title)}</h3>",
        f'<p class="tokens" translate="no" dir="auto">{"".join(pieces)}</p>',
        f'<p class="trust">{text_of(". ".join(trust(attribution)))}.</p>',
    ]


def _scores(explanation: Explanation) -> str:
    titles = [attribution.title for attribution in explanation]
    columns = [attribution.scores.tolist() for attribution in explanation]
    kept = strongest([a.scores for a in explanation], len(explanation.tokens))
    rows = [[explanation.tokens[i].label, *(f"{column[i]:+.6g}" for column in columns)] for i in kept]
    which = "Every token" if len(kept) == len(explanation.tokens) else f"Of {len(explanation.tokens):,} tokens the {LONG} strongest"
    return table(f"{which} that the model reads, with its raw score by every method", ["Token", *titles], rows)


def _data(card: Mapping[str, Any]) -> str:
    """JSON that cannot end the element or open a comment: `<`, `>` and `&` are written as their escapes."""
    text = json.dumps(card, ensure_ascii=True, allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return f'<script type="application/json" id="card">{text}</script>'
