"""The one result stage: what the model says, the verdict, the tokens of all methods, and the views that go deeper."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.interface.serving import HEAVY, LIGHT, guarded
from explain.interface.tabs.answer import WHOLE, WINDOW, Answer, Seen
from explain.interface.tabs.attention import AttentionView
from explain.interface.tabs.chosen import chosen_token
from explain.interface.tabs.form import QUICK, Form, Updates, Values, choice
from explain.interface.tabs.heads import HeadsView
from explain.interface.tabs.layers import LayersView
from explain.interface.tabs.passage import Passage
from explain.interface.tabs.paths import PathsView
from explain.interface.tabs.prediction import legend, output_choice, prediction
from explain.interface.tabs.rows import Rows, column_at
from explain.interface.tabs.segments import SegmentsView
from explain.interface.tabs.take_along import TakeAlongView
from explain.interface.tabs.tokens import TokensView
from explain.interface.tabs.view import View
from explain.interface.tabs.window import Window, matches, token_at, token_of_block
from explain.results import Explanation
from explain.visualization.colors import Scale

EVERY_LAYER = -1
CHOICES = ("output", "layer", "words", "special", "scale")


class Stage(Form):
    """Built in the current column; `connect` wires its events."""

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix)
        self.add("answer", gr.State(None))
        self.add("marked", gr.State(None))
        self.add("window", gr.State(None))
        self.add("opened", gr.State(TokensView.name))
        with gr.Column(elem_id=self.id("results"), elem_classes="results"):
            self.add("prediction", gr.HTML())
            self.passage = Passage(prefix)
            self.add("output", gr.Radio([], label="Output token", visible=False, elem_classes="pills written"))
            self.add("verdict", gr.Markdown(elem_classes="verdict"))
            self.add("legend", gr.HTML())
            self.place = Window(prefix)
            with gr.Column(elem_classes="rows"):
                self.rows = Rows(prefix)
            self.add("token", gr.Markdown(elem_classes="chosen-token"))
            with gr.Row(elem_classes="display"):
                self.add("also", gr.Dropdown([], label="Also explain", allow_custom_value=True, min_width=170))
                self.add("layer", choice("Layer", [("all layers", EVERY_LAYER)], min_width=110))
                scales = [scale.value for scale in Scale]
                self.add("scale", gr.Radio(scales, value=Scale.PER_METHOD.value, label="Colour scale", elem_classes="pills", min_width=170))
                self.add("words", gr.Checkbox(False, label="Whole words", min_width=120))
                self.add("special", gr.Checkbox(True, label="Special tokens", min_width=120))
            with gr.Tabs(elem_id=self.id("views")):
                self._views: Sequence[View] = (
                    TokensView(),
                    segments := SegmentsView(),
                    AttentionView(),
                    PathsView(),
                    heads := HeadsView(),
                    LayersView(),
                    TakeAlongView(),
                )
        self._asking = heads, segments
        self._changed = {view.name: self.add(f"changed-{view.name}", gr.State(None)) for view in self._views}

    @property
    def shared(self) -> set[Component]:
        """What every view is drawn from besides its own choices."""
        return {self[name] for name in ("answer", "marked", "window", "opened", *CHOICES)}

    @property
    def asked(self) -> set[Component]:
        """What `show` reads."""
        return {self[name] for name in ("answer", "opened", "also", "words", "special", "scale")}

    @property
    def outputs(self) -> list[Component]:
        """What `show` updates."""
        own = ("answer", "marked", "window", "prediction", "output", "verdict", "legend", "token", "also", "layer")
        return [*(self[name] for name in own), *self._changed.values(), *self.passage.outputs, *self.place.outputs, *self.rows.outputs]

    def seen(self, values: Values, answer: Answer | None = None, visit: gr.Request | None = None) -> Seen | None:
        """The answer on the stage, or this one, with the choices that hold for all views."""
        own = self.read(values)
        shown = answer or own["answer"]
        if shown is None:
            return None
        output, layer = own.get("output"), own.get("layer")
        return Seen(
            shown,
            output=None if output in (None, WHOLE) else output,
            layer=layer if isinstance(layer, int) and layer != EVERY_LAYER else None,
            marked=own.get("marked"),
            window=own.get("window"),
            words=own["words"],
            special=own["special"],
            scale=Scale(own["scale"]),
            root="" if visit is None else _root(visit),
        )

    def show(self, answer: Answer, values: Values) -> Updates:
        """A new answer, or more of it: nothing is marked and the whole output is shown. What is open is drawn again at the end."""
        seen = self.seen(values, answer)
        explanation = answer.explanation
        layers = _layers(explanation)
        updates = self.updates(
            answer=answer,
            marked=None,
            window=None,
            prediction=prediction(answer),
            output=output_choice(explanation),
            verdict=_verdict(answer),
            legend=legend(answer),
            token="",
            also=gr.update(choices=_others(explanation), value=None if answer.other is None else answer.other.target.text)
            | {"visible": bool(_others(explanation))},
            layer=gr.update(choices=[("all layers", EVERY_LAYER), *((str(n), n) for n in range(layers))], value=EVERY_LAYER),
        )
        again = self._again(values) if answer.finished else {}
        return {**updates, **again, **self.passage.show(answer), **self._text(seen)}

    def hidden(self) -> Updates:
        """An empty stage."""
        return self.updates(prediction="", answer=None)

    def connect(self) -> None:
        """Wire the events of everything on the stage."""
        choices = [self[name].input for name in CHOICES]
        text = [*self.rows.outputs, *self.place.outputs, *self._changed.values()]
        gr.on(choices, guarded(self._chosen), self.shared, text, **QUICK)
        moved = [self["window"], *text]
        self.place["map"].select(guarded(self._jump), self.shared, moved, **QUICK)
        for name, step in (("earlier", -WINDOW), ("later", WINDOW)):
            self.place[name].click(guarded(self._step(step)), self.shared, moved, **QUICK)
        find = self.shared | {self.place["find"]}
        self.place["find"].submit(guarded(self._find), find, [self["marked"], self["token"], *moved], **QUICK)
        texts = list(self.rows.texts.values())
        marked = [self["marked"], self["token"], *self._changed.values()]
        gr.on([text.select for text in texts], guarded(self._mark), self.shared, marked, **QUICK)
        for view in self._views:
            kind = {**HEAVY, "show_progress_on": [view.waiting_at]} if view.heavy else LIGHT
            triggers = [view.tab.select, *view.changes, self._changed[view.name].change]
            gr.on(triggers, guarded(self._open(view)), self.shared | view.inputs, [self["opened"], *view.outputs], **kind)
        self.passage.connect(self["answer"])
        for view in self._asking:
            view.connect(self.shared, self.seen)

    def _again(self, values: Values) -> Updates:
        """What is open is drawn again."""
        return {self._changed[values[self["opened"]]]: secrets.token_hex(4)}

    @property
    def _unchanged(self) -> Updates:
        return dict.fromkeys(self._changed.values(), gr.skip())

    def _chosen(self, values: Values) -> Updates:
        """The rows as the display choices want them."""
        seen = self.seen(values)
        return self._unchanged if seen is None else {**self._text(seen), **self._again(values)}

    def _text(self, seen: Seen | None, found: str = "") -> Updates:
        """The rows, and where in a long text they are."""
        return {**self.rows.show(seen), **self.place.show(seen, found)}

    def _moved(self, values: Values, window: int | None, found: str = "") -> Updates:
        """The rows, and what is open, from another token on."""
        if window is None:
            return self._unchanged
        seen = self.seen({**values, self["window"]: window})
        return {self["window"]: window, **self._text(seen, found), **self._again(values)}

    def _jump(self, values: Values, event: gr.SelectData) -> Updates:
        seen = self.seen(values)
        return self._moved(values, None if seen is None else token_of_block(seen, int(event.index)))

    def _step(self, columns: int) -> Any:
        def step(values: Values) -> Updates:
            seen = self.seen(values)
            return self._moved(values, None if seen is None else token_at(seen, seen.part.start + columns))

        return step

    def _find(self, values: Values) -> Updates:
        """The next place of a word is marked, and the text moves there."""
        seen, wanted = self.seen(values), values[self.place["find"]].strip()
        if seen is None or not wanted:
            return self._unchanged
        places = matches(seen, wanted)
        if not places:
            return self._text(seen, f"“{escape(wanted)}” does not occur.")
        marked = seen.columns.column_with(seen.marked)
        number = next((n for n, column in enumerate(places) if marked is None or column > marked), 0)
        token = seen.columns.groups[places[number]].indices[0]
        values = {**values, self["marked"]: token}
        said = chosen_token(seen, places[number])
        moved = self._moved(values, token_at(seen, places[number] - WINDOW // 2), f"Place {number + 1} of {len(places)}.")
        return {**moved, **self.updates(marked=token, token=said)}

    def _mark(self, values: Values, event: gr.SelectData) -> Updates:
        """A token was chosen: its numbers, and a mark in whatever is open."""
        seen = self.seen(values)
        if seen is None:
            return self._unchanged
        column = column_at(seen, int(event.index))
        marked = None if column is None else seen.columns.groups[column].indices[0]
        return {**self.updates(marked=marked, token=chosen_token(seen, column)), **self._again(values)}

    def _open(self, view: View) -> Any:
        def draw(values: Values, visit: gr.Request) -> Updates:
            seen = self.seen(values, visit=visit)
            return {self["opened"]: view.name, **({} if seen is None else view.draw(seen, values))}

        return draw


def _verdict(answer: Answer) -> str:
    if not answer.explanation.attributions or not answer.finished:
        return ""
    measured = None if answer.verdict is None else answer.verdict.faithfulness
    return answer.explanation.summary(measured).markdown


def _others(explanation: Explanation) -> list[str]:
    """What else could be explained: the other candidates, where a candidate is the answer."""
    if explanation.prediction.steps or explanation.prediction.embedding is not None:
        return []
    return list(dict.fromkeys(c.text for c in explanation.prediction.candidates if c.index != explanation.target.index))


def _layers(explanation: Explanation) -> int:
    maps = next((a.maps for a in explanation if a.method == "attention" and a.maps), {})
    return max((weights.shape[0] for weights in maps.values()), default=0)


def _root(visit: gr.Request) -> str:
    """The address of the page that the visitor sees, without query."""
    address = visit.headers.get("referer") or str(visit.request.base_url)
    return str(address).split("?")[0].split("#")[0]
