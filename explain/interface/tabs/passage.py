"""The passage of an answer that is to be explained: chosen by its tokens or sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.interface.serving import LIGHT, guarded
from explain.interface.tabs.answer import Answer
from explain.interface.tabs.form import Form, Updates, Values, coloured
from explain.segments import Granularity, groups_of
from explain.types import Prediction, Token

TOKENS, SENTENCES = "tokens", "sentences"
CHOSEN, REST = "chosen", "answer"
COLORS = {CHOSEN: "#f3c6d7", REST: "#e9e9e6"}
"""Of what is chosen and the rest; both are read in black."""
MOST = 400
SAID = "Choose where it begins and where it ends; what is chosen is explained as one."


class Passage(Form):
    """Built in the current column, seen for an answer of several tokens."""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"{prefix}-passage")
        with gr.Column(elem_id=f"{prefix}-passage", elem_classes="passage"):
            self.add("text", coloured("Explain a passage", COLORS, elem_classes="tokens"))
            with gr.Row(elem_classes="display"):
                self.add("by", gr.Radio([TOKENS, SENTENCES], value=TOKENS, label="Choose", elem_classes="pills", min_width=150))
                self.add("run", gr.Button("Explain this passage", size="sm", interactive=False, min_width=150))
            gr.Markdown(SAID, elem_classes="note")
        self.add("steps", gr.State(None))

    @property
    def choices(self) -> set[Component]:
        """What says what is chosen."""
        return {self["by"], self["steps"]}

    @property
    def outputs(self) -> list[Component]:
        return [self["text"], self["run"], self["steps"]]

    def show(self, answer: Answer) -> Updates:
        """The answer, with the passage that was asked about."""
        said = answer.explanation.prediction
        if len(said.steps) < 2 or len(said.steps) > MOST or answer.request.measure is not None:
            return self.updates(text=None, steps=None)
        asked = steps_in(said, answer.request.question.span)
        return self._drawn(said, asked)

    def span(self, answer: Answer, values: Values) -> tuple[int, int] | None:
        """The characters of the answer that are chosen."""
        steps = self.read(values)["steps"]
        places = places_of(answer.explanation.prediction)
        return None if steps is None else (places[steps[0]][0], places[steps[1]][1])

    def connect(self, answer: Component) -> None:
        """A click chooses; one beyond what is chosen extends it."""

        def choose(values: Values, event: gr.SelectData) -> Updates:
            own, shown = self.read(values), values[answer]
            step = _step_at(shown.explanation.prediction, int(event.index))
            if step is None:
                return {self["steps"]: gr.skip()}
            said = shown.explanation.prediction
            first, last = (step, step) if own["by"] == TOKENS else sentence_with(said, step)
            return self._drawn(said, extended(own["steps"], first, last))

        self["text"].select(guarded(choose), self.choices | {answer}, [self["text"], self["run"], self["steps"]], **LIGHT)

    def _drawn(self, said: Prediction, steps: tuple[int, int] | None) -> Updates:
        pairs = [
            (text, None if step is None else CHOSEN if steps is not None and steps[0] <= step <= steps[1] else REST)
            for text, step in pieces(said)
        ]
        return self.updates(text=pairs, run=gr.update(interactive=steps is not None), steps=steps)


def places_of(said: Prediction) -> list[tuple[int, int]]:
    """Where each token of an answer stands in its text, [start, end).

    Characters that are made of several tokens belong to the first of them; the others, and white space alone, are empty.
    """
    places: list[tuple[int, int]] = []
    reached, lost = 0, None  # a token since then that was not found as it is
    for step in said.steps:
        written = step.text.strip()
        start = said.text.find(written, reached) if written else -1
        skipped = said.text[reached : max(start, reached)].strip()
        if start < 0 or (skipped and lost is None):
            lost = len(places) if lost is None else lost
            places.append((reached, reached))
            continue
        if skipped and lost is not None:
            begin = said.text.index(skipped, reached)
            places[lost:] = [(begin, begin + len(skipped)), *[(begin + len(skipped),) * 2] * (len(places) - lost - 1)]
        reached, lost = start + len(written), None
        places.append((start, reached))
    rest = said.text[reached:].strip()
    if rest and lost is not None:
        places[lost] = (len(said.text) - len(rest), len(said.text))
    return places


def pieces(said: Prediction) -> list[tuple[str, int | None]]:
    """The answer's text in pieces, each with the token that it shows; `None` for what stands between tokens."""
    found: list[tuple[str, int | None]] = []
    reached = 0
    for step, (start, end) in enumerate(places_of(said)):
        if start > reached:
            found.append((said.text[reached:start], None))
        if end > start:
            found.append((said.text[start:end], step))
        reached = max(reached, end)
    rest = said.text[reached:]
    return [*found, (rest, None)] if rest else found


def steps_in(said: Prediction, span: str | tuple[int, int] | None) -> tuple[int, int] | None:
    """The first and last token of a passage; `None` where there is none."""
    if isinstance(span, str):
        start = said.text.find(span.strip())
        span = (start, start + len(span.strip())) if start >= 0 else None
    if span is None:
        return None
    touched = [step for step, (start, end) in enumerate(places_of(said)) if start < span[1] and end > span[0]]
    return (touched[0], touched[-1]) if touched else None


def extended(steps: tuple[int, int] | None, first: int, last: int) -> tuple[int, int]:
    """What is chosen once tokens are clicked: these alone if they lie within it, else all up to them."""
    if steps is None or (steps[0] <= first and last <= steps[1]):
        return first, last
    return min(steps[0], first), max(steps[1], last)


def sentence_with(said: Prediction, step: int) -> tuple[int, int]:
    """The first and last token of the sentence that a token is in."""
    tokens = tuple(Token(said.text[start:end], "", "", 0, start, end, special=False) for start, end in places_of(said))
    group = next(group for group in groups_of(_Said(said.text, tokens), Granularity.SENTENCES) if step in group.indices)
    return min(group.indices), max(group.indices)


def _step_at(said: Prediction, piece: int) -> int | None:
    shown = pieces(said)
    return shown[piece][1] if piece < len(shown) else None


@dataclass(frozen=True)
class _Said:
    """An answer as a text of its own."""

    text: str
    tokens: tuple[Token, ...]
    spans: tuple[Any, ...] = ()
