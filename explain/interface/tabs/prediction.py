"""What the model says, compactly: candidates with their probabilities, or every output token with its own."""

from __future__ import annotations

import textwrap
from html import escape
from typing import Any

import gradio as gr

from explain.interface.tabs.answer import WHOLE, Answer
from explain.models.score import margin
from explain.models.truncation import Truncation
from explain.prompts.answers import SAID, Measure
from explain.results import Explanation
from explain.types import Target
from explain.visualization.colors import AWAY, TOWARDS, WEIGHT
from explain.visualization.numbers import percent

MOST = 5
LONGEST = 48
GLIMPSE = 60
FEW = 16


def prediction(answer: Answer) -> str:
    """The HTML above the verdict."""
    explanation = answer.explanation
    parts = [] if answer.cut is None else [_left_out(answer.cut)]
    said = explanation.prediction
    if said.embedding is not None:
        parts.append(f'<p class="says">A vector of {said.embedding.size} numbers, length {explanation.target.logit:.3f}.</p>')
    elif answer.request.measure is not None and explanation.foil is not None:
        parts.append(f'<p class="says"><q>{escape(said.text)}</q> rather than <q>{escape(explanation.foil.text)}</q></p>')
    elif said.steps:
        parts.append(f'<p class="says">The model writes <q>{escape(said.text)}</q></p>')
        if len(explanation.outputs) < 2 and len(said.steps) <= FEW:
            chips = "".join(f"<li>{escape(_name(step))} <small>{percent(step.probability)}</small></li>" for step in said.steps)
            parts.append(f'<ul class="written">{chips}</ul>')
    else:
        parts.append(_candidates(explanation))
    return f'<div class="said">{"".join(parts)}</div>'


def _candidates(explanation: Explanation) -> str:
    """The most probable candidates as bars, and the target and foil where they are not among them."""
    shown = {candidate.index: candidate for candidate in explanation.prediction.candidates[:MOST]}
    shown |= {target.index: target for target in (explanation.target, explanation.foil) if target is not None}
    rows = []
    for candidate in shown.values():
        asked = ' class="asked"' if candidate.index == explanation.target.index else ""
        width = 100 * (candidate.probability or 0.0)
        bar = f"<i><b style='width:{width:.1f}%'></b></i>"
        number = percent(candidate.probability) or f"logit {candidate.logit:.3g}"
        rows.append(f"<li{asked}><span>{escape(_name(candidate))}</span>{bar}<small>{escape(number)}</small></li>")
    return f'<ul class="candidates">{"".join(rows)}</ul>'


def output_choice(explanation: Explanation) -> Any:
    """Every output token with its own probability; one of them can be chosen, for all views."""
    choices = [("the whole output", WHOLE)]
    choices += [(f"{_name(output)} · {percent(output.probability)}", number) for number, output in enumerate(explanation.outputs)]
    return gr.update(choices=choices, value=WHOLE, visible=len(explanation.outputs) > 1)


def legend(answer: Answer) -> str:
    """What is explained and what the colours mean."""
    explanation, measure = answer.explanation, answer.request.measure
    name = f"<em>{escape(textwrap.shorten(margin(explanation.target, explanation.foil), LONGEST, placeholder=' …'))}</em>"
    marks = []
    if any(a.signed for a in explanation):
        marks += [f"{_mark(TOWARDS)} pushes towards it", f"{_mark(AWAY)} away from it"]
    if any(not a.signed for a in explanation):
        marks.append(f"{_mark(WEIGHT)} weight without a direction")
    compared = "" if measure is None else f" Compared is {SAID[Measure(measure)]}."
    return f'<p class="legend"><strong>Why {name}?</strong> {", ".join(marks)}{"." * bool(marks)}{compared}</p>'


def _mark(color: str) -> str:
    return f'<i style="background:{color}"></i>'


def _name(target: Target) -> str:
    return target.text.strip() or target.text.replace("\n", "⏎") or "(nothing)"


def _left_out(cut: Truncation) -> str:
    """What of the text was not read, with the words where it was cut."""
    said = [f"⚠️ <strong>The text was cut</strong>: it has {cut.tokens} tokens, the model reads {cut.limit}."]
    if cut.before.strip():
        said.append(f"Left out before: “… {escape(cut.before.strip()[-GLIMPSE:])}” ({len(cut.before.split())} words).")
    if cut.after.strip():
        said.append(f"Left out after: “{escape(cut.after.strip()[:GLIMPSE])} …” ({len(cut.after.split())} words).")
    if cut.left_out:
        said[0] = said[0].replace("text", "chat")
        said.append(f"Left out: {escape(', '.join(cut.left_out))}.")
    return f'<p class="cut">{" ".join([*said, "Link, card and code hold the part that was read."])}</p>'
