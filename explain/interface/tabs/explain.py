"""The tab of one task: the question on the left, the explanation on the right."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.errors import InputError, StoppedError, TextTooLongError
from explain.interface import views
from explain.interface.presets import PRESETS
from explain.interface.serving import HEAVY, LIGHT, Run, guarded, message_of, shown_error
from explain.interface.tabs.inside import Inside
from explain.interface.tabs.options import OptionWidgets
from explain.interface.tabs.question import WHOLE, QuestionForm
from explain.interface.tabs.share import SharePart
from explain.interface.work.explaining import explain_steps, shortened
from explain.methods.catalog import METHODS
from explain.models.tasks import TASKS
from explain.models.truncation import Truncation
from explain.results import Explanation
from explain.sharing.request import Request
from explain.visualization.colors import LEVEL_COLORS, Scale
from explain.visualization.heatmaps import outputs_heatmap

CLICK = "Click a token to see its numbers."
Updates = dict[Component, Any]


class TaskTab:
    """Built inside the current Blocks; `connect` wires its events when everything else exists."""

    def __init__(self, task: str, model: str | None = None) -> None:
        self._task = task
        with gr.Tab(TASKS[task].title, id=task, elem_id=f"tab-{task}"):
            gr.Markdown(views.escaped(PRESETS[task].intro))
            with gr.Row(elem_classes="sides"):
                with gr.Column(scale=2, min_width=300):
                    self._question = QuestionForm(task, model)
                with gr.Column(scale=3, min_width=300):
                    self._state = gr.State(None)
                    self._request = gr.State(None)
                    self._running = gr.State(None)
                    self._status = gr.Markdown("Press **Explain**.", elem_id=self._id("status"))
                    with gr.Column(visible=False, elem_id=self._id("results")) as self._results:
                        self._build_results()

    def _id(self, name: str) -> str:
        return f"{self._task}-{name}"

    def _build_results(self) -> None:
        self._prediction = gr.Label(
            label="Prediction", num_top_classes=5, elem_id=self._id("prediction"), visible=self._task != "embedding"
        )
        self._headline = gr.Markdown(elem_id=self._id("headline"))
        with gr.Row(elem_classes="display"):
            self._merge = gr.Checkbox(False, label="Words instead of sub-words", elem_id=self._id("merge"))
            self._special = gr.Checkbox(True, label="Special tokens", elem_id=self._id("special"))
            self._scale = gr.Radio(
                [scale.value for scale in Scale], value=Scale.PER_METHOD.value, label="Colour scale", elem_id=self._id("scale")
            )
            self._view = gr.Radio([views.HEATMAP, views.BARS], value=views.HEATMAP, label="All methods as", elem_id=self._id("view"))
        self._texts: dict[str, gr.HighlightedText] = {}
        self._notes: dict[str, gr.Markdown] = {}
        for method in METHODS:
            self._texts[method.name] = gr.HighlightedText(
                label=method.title,
                color_map=LEVEL_COLORS,
                show_inline_category=False,
                show_legend=False,
                combine_adjacent=False,
                visible=False,
                elem_id=self._id(f"text-{method.name}"),
                elem_classes="tokens",
            )
            self._notes[method.name] = gr.Markdown(visible=False, elem_classes="note", elem_id=self._id(f"note-{method.name}"))
        self._details = gr.Markdown(CLICK, elem_id=self._id("details"))
        self._heatmap = gr.Plot(label="Methods x tokens", show_label=False, elem_id=self._id("heatmap"), elem_classes="plot")
        with gr.Accordion("Outputs x inputs", open=True, visible=False) as self._outputs_part:
            self._outputs_method = gr.Radio(
                views.method_choices(), value=PRESETS[self._task].methods[-1], label="Method", elem_id=self._id("outputs-method")
            )
            self._outputs = gr.Plot(label="Outputs x inputs", show_label=False, elem_id=self._id("outputs"), elem_classes="plot")
        self._inside = Inside(self._task)
        self._share = SharePart(self._task)

    @property
    def form(self) -> list[Component]:
        """What `filled` sets."""
        return self._question.form

    def filled(self, request: Request) -> Updates:
        """The question as it was when this was asked."""
        return self._question.filled(request)

    def connect(self, options: OptionWidgets) -> None:
        """Wire the events; called when all widgets exist."""
        display = [self._merge, self._special, self._scale, self._view]
        tokens = [self._heatmap, self._details, *self._texts.values(), *self._notes.values()]

        def answer(*values: Any) -> Iterator[Updates]:
            asked, shown, chosen = (
                values[: len(self._question.inputs)],
                values[len(self._question.inputs) :][:5],
                values[-len(options.keys) :],
            )
            run = Run()
            yield {self._running: run.token, self._question.stop: gr.update(visible=True), self._status: "⏳ Reading the text …"}
            try:
                request = self._question.request(*asked)
                request = dataclasses.replace(request, options=options.read(chosen, list(request.methods)))
                try:
                    yield from self._run(run, request, None, *shown)
                except TextTooLongError:
                    cut = run.call(lambda: shortened(request))
                    if cut is None:
                        raise
                    yield from self._run(run, dataclasses.replace(request, text=cut.kept), cut, *shown)
            except StoppedError as stopped:
                yield {self._status: f"⚠️ {stopped} What was done stays."}
            except Exception as error:
                message = message_of(error)
                yield {self._status: f"⚠️ Not explained: {views.escaped(message)}", self._results: gr.update(visible=False)}
                raise shown_error(message) from error

        def redraw(explanation: Explanation | None, merge: bool, special: bool, scale: str, view: str) -> Updates:
            return {self._details: gr.skip()} if explanation is None else self._tokens(explanation, merge, special, scale, view)

        running = gr.on(
            [self._question.explain.click, self._question.text.submit],
            answer,
            [*self._question.inputs, *display, self._outputs_method, *options.components],
            [
                self._state,
                self._request,
                self._running,
                self._status,
                self._results,
                self._question.stop,
                self._prediction,
                self._headline,
                self._question.target,
                self._question.foil,
                self._question.step,
                self._outputs_part,
                self._outputs,
                *self._inside.outputs,
                *self._share.outputs,
                *tokens,
            ],
            show_progress_on=[self._status],
            **HEAVY,
        )
        stop = self._question.stop
        running.then(lambda: gr.update(visible=False), None, stop, **LIGHT)
        stop.click(Run.stop, self._running, None, **LIGHT)
        stop.click(lambda: ("Stopped.", gr.update(visible=False)), None, [self._status, stop], cancels=[running], **LIGHT)
        for choice in display:
            choice.input(guarded(redraw), [self._state, *display], tokens, **LIGHT)
        for part in (self._outputs_method, self._special):
            part.input(guarded(_draw_outputs), [self._state, self._outputs_method, self._special], self._outputs, **LIGHT)
        for text in self._texts.values():
            text.select(guarded(_details_of), [self._state, self._merge, self._special], self._details, **LIGHT)
        self._inside.connect(self._state, self._request, self._special)
        self._share.connect(self._state, self._request, self._merge, self._special)
        self._question.connect()

    def _run(
        self,
        run: Run,
        request: Request,
        cut: Truncation | None,
        merge: bool,
        special: bool,
        scale: str,
        view: str,
        outputs_method: str,
    ) -> Iterator[Updates]:
        for progress in run.steps(explain_steps(request)):
            explanation = progress.explanation
            targets, foils = views.offered(explanation)
            updates: Updates = {
                self._state: explanation,
                self._request: request,
                self._status: views.status(progress),
                self._results: gr.update(visible=True),
                self._prediction: views.prediction(explanation) or None,
                self._headline: views.headline(explanation, cut),
                self._question.target: gr.update(choices=targets),
                self._question.foil: gr.update(choices=foils),
                self._question.step: gr.update(choices=[WHOLE, *views.output_steps(explanation)]),
                **self._tokens(explanation, merge, special, scale, view),
            }
            if progress.running is None:
                several = bool(explanation.outputs)
                updates |= {**self._inside.show(explanation, special), **self._share.show()}
                updates[self._outputs_part] = gr.update(visible=several)
                updates[self._outputs] = _draw_outputs(explanation, outputs_method, special) if several else None
            yield updates

    def _tokens(self, explanation: Explanation, merge: bool, special: bool, scale: str, view: str) -> Updates:
        pairs = views.texts(explanation, merge, special, scale)
        done = {a.method: a for a in explanation}
        updates: Updates = {self._heatmap: views.picture(explanation, merge, special, scale, view) if done else None, self._details: CLICK}
        for name, text in self._texts.items():
            updates[text] = gr.update(value=pairs.get(name), visible=name in done)
            updates[self._notes[name]] = gr.update(value=views.trust(done[name]) if name in done else "", visible=name in done)
        return updates


def _draw_outputs(explanation: Explanation | None, method: str, special: bool) -> Any:
    if explanation is None or not explanation.outputs or not explanation.attributions:
        return None
    if not any(a.method == method for a in explanation):
        method = explanation.attributions[-1].method
    return outputs_heatmap(explanation, method, special=special)


def _details_of(explanation: Explanation | None, merge: bool, special: bool, event: gr.SelectData) -> str:
    if explanation is None:
        raise InputError("There is no explanation yet. Press Explain.")
    return views.token_details(explanation, int(event.index), merge, special)
