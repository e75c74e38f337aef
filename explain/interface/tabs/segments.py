"""Scores summed to segments, coarse first and then a segment's own parts, and what made the model say each sentence of its answer."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.errors import InputError
from explain.evaluation.context import ContextAttribution
from explain.interface.serving import HEAVY, guarded
from explain.interface.tabs.answer import Seen
from explain.interface.tabs.form import Updates, Values, choice
from explain.interface.tabs.segment_tables import highlighted_text, judged, sums_table, traced_table
from explain.interface.tabs.view import View
from explain.interface.work.context import context_of
from explain.results import Explanation
from explain.segments import NAMED, Granularity, SegmentScores, label_of
from explain.tokens import Word

ALL = ""
"""No part is chosen; one that is has a path: its level and its number, after the path of what it lies in."""
WHOLE = ("all of it", ALL)
LEVELS = (
    *(Granularity.DOCUMENTS, Granularity.MESSAGES, Granularity.SPANS, Granularity.SENTENCES, Granularity.PARAGRAPHS),
    *(Granularity.WORDS, Granularity.TOKENS),
)
FINER = {
    Granularity.MESSAGES: Granularity.PARAGRAPHS,
    Granularity.DOCUMENTS: Granularity.PARAGRAPHS,
    Granularity.SPANS: Granularity.PARAGRAPHS,
    Granularity.PARAGRAPHS: Granularity.SENTENCES,
    Granularity.SENTENCES: Granularity.TOKENS,
    Granularity.WORDS: Granularity.TOKENS,
}
ZOOM = ("inside", "deeper", "deepest")
EVERY = -1
Depth = tuple[list[tuple[str, str]], str]
NOTE = "The scores of all tokens of a segment, added up. *Parts of* shows what a segment's own sum is made of."


class SegmentsView(View):
    """Sums at once; what made the model say each sentence of an answer on a button."""

    name, title = "segments", "Segments"

    def build(self) -> None:
        with gr.Row(elem_classes="display"):
            self.add("level", choice("Sum to"))
            for name, label in zip(ZOOM, ("Parts of", "and of it", "and of that"), strict=True):
                self.add(name, choice(label, [WHOLE], visible=name == ZOOM[0]))
            self.add("method", choice("Coloured by"))
        self.add("text", gr.HTML())
        self.add("table", gr.HTML())
        self.add("trace", gr.Button("Trace every sentence of the answer to these segments", size="sm", visible=False))
        self.add("traced", gr.State(None))
        self.add("sentence", choice("Sentence of the answer", [("every sentence", EVERY)], visible=False))
        self.add("answer", gr.HTML())
        self.add("judged", gr.Markdown())

    @property
    def changes(self) -> list[Any]:
        return [self[name].input for name in ("level", *ZOOM, "method", "sentence")]

    def draw(self, seen: Seen, values: Values) -> Updates:
        own, explanation, request = self.read(values), seen.answer.explanation, seen.answer.request
        levels = [level.value for level in LEVELS if level not in NAMED or any(span.kind is NAMED[level] for span in explanation.spans)]
        level = Granularity(own["level"] if own["level"] in levels else levels[0])
        trail, sums = zoomed(explanation, level, [own[name] for name in ZOOM])
        chat = request.question.messages is not None and explanation.task == "generation" and request.measure is None
        traced: tuple[Any, ContextAttribution] | None = own["traced"]
        known = traced[1] if traced is not None and traced[0] == (request, level) else None
        titles = {a.method: a.title for a in explanation} | ({} if known is None else {n: m.title for n, m in known.methods.items()})
        method = own["method"] if own["method"] in titles else next(iter(titles), None)
        signed = {a.method: a.signed for a in explanation}
        text = ""
        if method in signed:
            text = highlighted_text(sums.segments, sums[method], signed=signed[method], special=seen.special)
        zooms = {
            name: gr.update(choices=[WHOLE, *choices], value=value, visible=bool(choices))
            for name, (choices, value) in zip(ZOOM, [*trail, *[((), ALL)] * (len(ZOOM) - len(trail))], strict=True)
        }
        return {
            self.note: NOTE,
            **self.updates(
                level=gr.update(choices=levels, value=level.value),
                **zooms,
                method=gr.update(choices=[(title, name) for name, title in titles.items()], value=method),
                text=text,
                table=sums_table(explanation, sums, special=seen.special),
                trace=gr.update(visible=chat),
                traced=own["traced"],
                **_traced(known, method, own["sentence"]),
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

        inputs = shared | self.inputs
        self["trace"].click(guarded(trace), inputs, list(self.outputs), show_progress_on=[self["answer"]], **HEAVY)


def zoomed(
    explanation: Explanation, level: Granularity, chosen: list[str]
) -> tuple[list[tuple[list[tuple[str, str]], str]], SegmentScores]:
    """The segments of a level or, along the parts that are chosen, ever finer parts of one.

    Args:
        explanation: What is summed.
        level: The coarsest segments.
        chosen: A path for each depth; what is no path here counts as none.

    Returns:
        For each depth, its choices and the one that is made; and the sums at the last of them.
    """
    sums, path, trail = explanation.by(level), "", []
    for wanted in chosen:
        finer = {f"{path}/{level}:{n}": n for n, group in enumerate(sums.segments) if level in FINER and _divisible(group)}
        made = wanted if wanted in finer else ALL
        trail.append(([(label_of(sums.segments[n]), key) for key, n in finer.items()], made))
        if made == ALL:
            break
        segment, path = sums.segments[finer[made]], made
        while True:
            level = FINER[level]
            sums = explanation.by(level, inside=segment)
            if len(sums.segments) > 1 or level not in FINER:
                break
    return trail, sums


def _divisible(group: Word) -> bool:
    return not group.special and len(group.indices) > 1


def _traced(known: ContextAttribution | None, method: str | None, sentence: Any) -> dict[str, Any]:
    """What is shown of an answer that was traced."""
    if known is None:
        return {"sentence": gr.update(visible=False), "answer": "", "judged": ""}
    name = method if method is not None and method in known.methods else next(iter(known.methods))
    choices = [("every sentence", EVERY), *((text, number) for number, text in enumerate(known.sentences))]
    number = sentence if sentence in range(len(known.sentences)) else EVERY
    scores = known[name].scores
    coloured = highlighted_text(known.segments, scores.sum(1) if number == EVERY else scores[:, number], signed=True, special=False)
    return {
        "sentence": gr.update(choices=choices, value=number, visible=True),
        "answer": f"<p><strong>{escape(known[name].title)}</strong></p>{traced_table(known, name)}{coloured}",
        "judged": judged(known),
    }
