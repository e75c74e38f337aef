"""What the page shows when it is opened: the question of a link, or the finished first example of a task."""

from __future__ import annotations

import functools
import secrets
import threading
from typing import Any

import gradio as gr

from explain.errors import ExplainError, InputError
from explain.interface.logs import LOG
from explain.interface.presets import FIRST_TASK, PRESETS, preset
from explain.interface.serving import Run, guarded
from explain.interface.streaming import Stream, status
from explain.interface.tabs.answer import Answer
from explain.interface.tabs.form import QUICK, Updates, Values
from explain.interface.tabs.options import OptionsForm
from explain.interface.tabs.question import QuestionForm
from explain.interface.tabs.stage import Stage
from explain.interface.tabs.take_along import QUERY, TASK
from explain.interface.work.opening import Opening
from explain.methods.catalog import make_methods
from explain.models.catalog import models_for
from explain.models.tasks import TASKS, task_class
from explain.sharing.permalink import decode
from explain.sharing.request import Request
from explain.types import Question

FINISHED = {task: Opening() for task in PRESETS}
"""The first example of each task, explained once for all visitors."""
PREPARING = threading.Event()
SECONDS = 1.0
READY = "An example, explained: change the text and press Explain."


def first_request(task: str, model: str | None = None) -> Request:
    """What a task's form asks before anybody changes it."""
    example = preset(task).examples[0]
    question = Question(example.text, target=example.target, foil=example.foil)
    return Request(task, model or models_for(task)[0].name, question, preset(task).methods)


def prepare_examples(task: str | None = None, model: str | None = None) -> threading.Thread:
    """Explain the first example of every task beside the starting server, that of the page first; a failure costs only the example."""
    first = task or FIRST_TASK
    PREPARING.set()

    def run() -> None:
        for name in (first, *(name for name in FINISHED if name != first)):
            try:
                request = first_request(name, model if name == first else None)
                Run(name="first example").call(functools.partial(FINISHED[name].prepare, request))
            except ExplainError as error:
                LOG.warning("first example of %s: %s", name, error)
            if name == first:
                PREPARING.clear()

    thread = threading.Thread(target=run, name="first examples", daemon=True)
    thread.start()
    return thread


def finished(request: Request) -> Answer | None:
    """The answer of an example that was explained already."""
    found = FINISHED[request.task].ready(request) if request.task in FINISHED else None
    return None if found is None else Answer(request, found.explanation, verdict=found.verdict, finished=True)


def asked_again(request: Request) -> dict[str, Any]:
    """A request as a state that changes even if the same is asked twice."""
    return {"run": secrets.token_hex(4), "request": request.to_dict()}


class Arrival:
    """What happens when the page is opened and when another task is chosen.

    Args:
        form: The question form.
        stage: Where an example is shown.
        stream: Whose line says what is shown.
        asked: The state that makes a link's question be asked when it is set.
        options: The options of the methods, which a link also fills in.
    """

    def __init__(self, form: QuestionForm, stage: Stage, stream: Stream, asked: gr.State, options: OptionsForm) -> None:
        self._form, self._stage, self._stream, self._asked, self._options = form, stage, stream, asked, options
        self._timer = gr.Timer(SECONDS, active=False)

    def connect(self, demo: gr.Blocks) -> None:
        """Wire the events."""
        form, stage = self._form, self._stage
        inputs = form.inputs | stage.asked | self._options.inputs | {self._stream.token}
        example = [self._stream.status, self._timer, *stage.outputs]
        demo.load(guarded(self._opened), inputs, [*example, *form.fillable, self._asked], **QUICK)
        self._asked.change(guarded(self._fill_options), {self._asked}, self._options.inputs, **QUICK)
        self._timer.tick(guarded(self._tick), inputs, example, **QUICK)
        form["task"].input(guarded(self._other_task), inputs, [*example, *form.fillable], **QUICK)

    def _opened(self, values: Values, visit: gr.Request) -> Updates:
        link, task = visit.query_params.get(QUERY), visit.query_params.get(TASK)
        if link is not None:
            return self._linked(link)
        if task in TASKS and task != self._form.read(values)["task"]:
            return {self._form["task"]: task, **self._other_task({**values, self._form["task"]: task})}
        return self._example(self._form.request(values, self._options), values)

    def _linked(self, link: str) -> Updates:
        """The question of a link goes into the form and is asked; a link that cannot be read says so."""
        try:
            request = decode(link)
            task_class(request.task)
            make_methods(request.methods, request.options)
        except InputError as error:
            return {self._stream.status: status(f"⚠️ The link was not opened: {error}", "failed")}
        return {**self._form.filled(request), self._asked: asked_again(request)}

    def _fill_options(self, values: Values) -> Updates:
        return self._options.filled(Request.from_dict(values[self._asked]["request"]).options)

    def _other_task(self, values: Values) -> Updates:
        """The form as the chosen task needs it, with its first example, which is shown if it is finished."""
        task = self._form.read(values)["task"]
        example = preset(task).examples[0]
        updates = self._form.for_task(task)
        for name, value in (("text", example.text), ("target", example.target), ("foil", example.foil)):
            updates[self._form[name]]["value"] = value
        updates |= self._form.label_examples(example_labels(task))
        return {**updates, **self._example(first_request(task), values)}

    def _example(self, request: Request, values: Values) -> Updates:
        answer = finished(request)
        if answer is not None:
            shown = self._stage.show(answer, values)
            return {**shown, self._stream.status: status(READY, "done"), self._timer: gr.Timer(active=False)}
        waiting = PREPARING.is_set()
        said = "⏳ The first example is being explained …" if waiting else "Press Explain."
        return {**self._stage.hidden(), self._stream.status: status(said, "idle"), self._timer: gr.Timer(active=waiting)}

    def _tick(self, values: Values) -> Updates:
        """Show the example once it is finished, unless the visitor has begun to ask."""
        request = self._form.request(values, self._options)
        untouched = request.question.text == preset(request.task).examples[0].text and values[self._stream.token] is None
        if not untouched:
            return {self._timer: gr.Timer(active=False)}
        if finished(request) is None and PREPARING.is_set():
            return {self._timer: gr.skip()}
        return self._example(request, values)


def example_labels(task: str) -> list[str]:
    """What the buttons of a task's examples say."""
    return [f"{example.point}: {example.text}" for example in preset(task).examples]
