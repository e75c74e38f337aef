"""Scores summed to sentences, paragraphs, messages or documents, a segment's own parts, and what made the model say each sentence."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component

from explain.errors import InputError
from explain.evaluation.context import ContextAttribution
from explain.interface.serving import HEAVY, guarded
from explain.interface.tabs.answer import Seen
from explain.interface.tabs.form import Updates, Values, choice, escaped
from explain.interface.tabs.view import View
from explain.interface.work.context import context_of
from explain.results import Explanation
from explain.segments import NAMED, Granularity, label_of
from explain.tokens import Word
from explain.types import Array
from explain.visualization.colors import color_of, ink_of

ALL = -1
COARSE = (Granularity.DOCUMENTS, Granularity.MESSAGES, Granularity.SPANS, Granularity.SENTENCES, Granularity.PARAGRAPHS)
FINER = {
    Granularity.MESSAGES: Granularity.SENTENCES,
    Granularity.DOCUMENTS: Granularity.SENTENCES,
    Granularity.PARAGRAPHS: Granularity.SENTENCES,
    Granularity.SENTENCES: Granularity.WORDS,
    Granularity.SPANS: Granularity.TOKENS,
}
NOTE = "The scores of all tokens of a segment, added up. *Parts of* shows what a segment's own sum is made of."
TRACED = (
    "Each sentence of the answer is one score. *Falls by*: how much it falls, on average over the sentences, when the segments with the "
    "largest scores go. *Predicts*: rank correlation of the summed scores of what is kept with the model's own, over {held_out} random "
    "ablations that no method has seen. The sparse linear surrogate was fitted to such ablations, as ContextCite does."
)


class SegmentsView(View):
    """Sums at once; what made the model say each sentence of an answer on a button."""

    name, title = "segments", "Segments"

    def build(self) -> None:
        with gr.Row(elem_classes="display"):
            self.add("level", choice("Sum to"))
            self.add("inside", choice("Parts of", [("the whole text", ALL)]))
        self.add("table", gr.HTML())
        self.add("trace", gr.Button("Trace every sentence of the answer to these segments", size="sm", visible=False))
        self.add("traced", gr.State(None))
        self.add("method", choice("Method", visible=False))
        self.add("answer", gr.HTML())
        self.add("judged", gr.Markdown())

    @property
    def changes(self) -> list[Any]:
        return [self[name].input for name in ("level", "inside", "method")]

    def draw(self, seen: Seen, values: Values) -> Updates:
        own, explanation = self.read(values), seen.answer.explanation
        levels = [level.value for level in COARSE if level not in NAMED or any(span.kind is NAMED[level] for span in explanation.spans)]
        level = Granularity(own["level"] if own["level"] in levels else levels[0])
        sums = explanation.by(level)
        whole = [(label_of(group), number) for number, group in enumerate(sums.segments) if not group.special]
        inside = own["inside"] if own["inside"] in [number for _, number in whole] else ALL
        if inside != ALL:
            sums = explanation.by(FINER[level], inside=sums.segments[inside])
        request = seen.answer.request
        chat = request.question.messages is not None and explanation.task == "generation" and request.measure is None
        asked = (seen.answer.request, level)
        traced: tuple[Any, ContextAttribution] | None = own["traced"]
        known = traced[1] if traced is not None and traced[0] == asked else None
        methods = [] if known is None else [(found.title, name) for name, found in known.methods.items()]
        method = own["method"] if own["method"] in [name for _, name in methods] else next((name for _, name in methods), None)
        return {
            self.note: NOTE,
            **self.updates(
                level=gr.update(choices=levels, value=level.value),
                inside=gr.update(choices=[("the whole text", ALL), *whole], value=inside),
                table=_sums(explanation, sums.segments, [sums[a.method] for a in explanation], seen),
                trace=gr.update(visible=chat),
                traced=own["traced"],
                method=gr.update(choices=methods, value=method, visible=known is not None),
                answer="" if known is None or method is None else _traced(known, method),
                judged="" if known is None else judged(known),
            ),
        }

    def connect(self, shared: set[Component], seen_of: Any) -> None:
        """Tracing asks the model, on a button."""

        def trace(values: Values) -> Updates:
            seen: Seen | None = seen_of(values)
            if seen is None:
                raise InputError("There is no explanation yet. Press Explain.")
            level = Granularity(self.read(values)["level"])
            found = context_of(seen.answer.request, level)
            return self.draw(seen, {**values, self["traced"]: ((seen.answer.request, level), found)})

        inputs = shared | self.components
        self["trace"].click(guarded(trace), inputs, list(self.outputs), show_progress_on=[self["answer"]], **HEAVY)


def judged(found: ContextAttribution) -> str:
    """How far each method can be believed, as a Markdown table."""
    ks = list(next(iter(found.methods.values())).drops)
    heads = ["method", "first", *(f"falls by, without {k}" for k in ks), "predicts"]
    lines = [" | ".join(["", *heads, ""]).strip(), "|".join(["", " --- ", " --- ", *[" ---: "] * (len(ks) + 1), ""])]
    for name, method in found.methods.items():
        known = method.correlation[~np.isnan(method.correlation)]
        numbers = [*(f"{method.drops[k].mean():.3g}" for k in ks), f"{known.mean():.2f}" if len(known) else "–"]
        lines.append(" | ".join(["", method.title, escaped(found.labels[found.leader(name)]), *numbers, ""]).strip())
    return "\n".join([*lines, "", TRACED.format(held_out=found.held_out)])


def _sums(explanation: Explanation, groups: Sequence[Word], scores: Sequence[Array], seen: Seen) -> str:
    shown = [number for number, group in enumerate(groups) if seen.special or not group.special]
    heads = [a.title for a in explanation]
    signed = [a.signed for a in explanation]
    return _table("segment", [label_of(groups[n]) for n in shown], heads, [values[shown] for values in scores], signed)


def _traced(found: ContextAttribution, method: str) -> str:
    columns = list(found[method].scores.T)
    limit = float(np.abs(found[method].scores).max(initial=0))
    return _table("segment", found.labels, found.sentences, columns, [True] * len(columns), limit)


def _table(
    corner: str, rows: Sequence[str], heads: Sequence[str], columns: Sequence[Array], signed: Sequence[bool], limit: float | None = None
) -> str:
    """Numbers in the colours of the rows of tokens; each column on its own scale if no limit is given."""
    limits = [float(np.abs(column).max(initial=0)) if limit is None else limit for column in columns]
    lines = []
    for number, label in enumerate(rows):
        cells = []
        for column, most, sign in zip(columns, limits, signed, strict=True):
            ground, ink = (paint(float(column[number]), most, signed=sign) for paint in (color_of, ink_of))
            cells.append(f"<td style='background:{ground};color:{ink}'>{column[number]:+.4f}</td>")
        lines.append(f"<tr><th scope='row'>{escape(label)}</th>{''.join(cells)}</tr>")
    titles = "".join(f"<th scope='col'>{escape(head)}</th>" for head in heads)
    return (
        "<div class='numbers' tabindex='0' role='region' aria-label='Scores of every segment'><table><thead><tr>"
        f"<th scope='col'>{corner}</th>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )
