"""The tab that explains one text: the question on the left, the answer on the right."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator

import gradio as gr

from explain.errors import InputError, TextTooLongError
from explain.interface.presets import FIRST_TASK, PRESETS, preset
from explain.interface.streaming import Stream, Told
from explain.interface.tabs.answer import Answer
from explain.interface.tabs.form import Updates, Values
from explain.interface.tabs.opening import Arrival, asked_again, example_labels, finished
from explain.interface.tabs.options import OptionsForm
from explain.interface.tabs.question import QuestionForm, written_span
from explain.interface.tabs.stage import Stage
from explain.interface.work.explaining import iter_explanation, truncate
from explain.interface.work.verdict import verdict_faithfulness, verdict_passes
from explain.methods.catalog import method_class
from explain.models.score import margin
from explain.models.truncation import Truncation
from explain.results import Explanation
from explain.sharing.request import Request
from explain.types import Question

MOST_EXAMPLES = max(len(known.examples) for known in PRESETS.values())
CHECK = "Check faithfulness on this text"


class ExplainTab:
    """Built inside the current Blocks; `connect` wires its events when everything else exists."""

    def __init__(self, task: str | None = None, model: str | None = None) -> None:
        task = task or FIRST_TASK
        examples = preset(task).examples
        with gr.Tab("Explain", id="explain", elem_id="tab-explain"), gr.Row(elem_classes="sides"):
            with gr.Column(scale=2, min_width=300, elem_classes="asking"):
                self.form = QuestionForm(
                    "explain",
                    task=task,
                    model=model,
                    text=examples[0].text,
                    button="Explain",
                    chats=True,
                    examples=[*example_labels(task), *[""] * (MOST_EXAMPLES - len(examples))],
                )
                self.form.add("check", gr.Checkbox(True, label=f"{CHECK} (some 100 passes)", container=False))
            with gr.Column(scale=5, min_width=300, elem_id="explain-stage"):
                self.stream = Stream(self.form, idle="Press Explain.", failed="Not explained")
                self.stage = Stage("explain")
                self._asked = gr.State(None)

    def connect(self, demo: gr.Blocks, options: OptionsForm) -> None:
        """Wire the events."""
        form, stage = self.form, self.stage
        self._options = options
        asked = form.inputs | stage.asked | options.inputs
        shown = [*stage.outputs, form["target"], form["foil"], form["check"]]
        failed = stage.hidden()
        self.stream.on([form["run"].click, form["text"].submit], self._explain, asked, shown, failed)
        self.stream.on([self._asked.change], self._explain_asked, asked | {self._asked}, shown, failed)
        self.stream.on([stage["also"].input], self._explain_also, asked, shown)
        passage = asked | stage.passage.choices
        self.stream.on([stage.passage["run"].click], self._explain_passage, passage, [*shown, form["span"]])
        self.stream.connect()
        stage.connect()
        filled = [*form.fillable, self._asked]
        form.on_example(self._example, form.inputs | options.inputs, filled)
        Arrival(form, stage, self.stream, self._asked, options).connect(demo)

    def _example(self, values: Values, number: int) -> Updates:
        """An example fills in the text and what is asked about it, and is asked."""
        example = preset(self.form.read(values)["task"]).examples[number]
        request = self.form.request(values, self._options)
        question = Question(example.text, target=example.target, foil=example.foil, unit=request.question.unit)
        request = dataclasses.replace(request, question=question)
        filled = self.form.filled(request)
        return {**filled, self._asked: asked_again(request)}

    def _explain(self, values: Values) -> Iterator[Told]:
        yield from self._answered(self.form.request(values, self._options), values)

    def _explain_asked(self, values: Values) -> Iterator[Told]:
        yield from self._answered(Request.from_dict(values[self._asked]["request"]), values)

    def _answered(self, request: Request, values: Values) -> Iterator[Told]:
        """The explanation method by method, of a part of the text if it is too long, then the verdict."""
        request, dropped = _with_sign(request)
        known = finished(request)
        if known is not None:
            yield self._told(known, values)
            return
        try:
            answer = yield from self._methods(request, None, values)
        except TextTooLongError:
            cut = truncate(request)
            if cut is None:
                raise
            shorter = dataclasses.replace(request, question=cut.question)
            answer = yield from self._methods(shorter, cut, values)
        answer = dataclasses.replace(answer, finished=True)
        passes = verdict_passes(answer.explanation)
        if self.form.read(values)["check"] and passes and request.measure is None:
            said = f"{_explained(answer.explanation)}; now their faithfulness, at most {passes} passes"
            yield Told(said, self._shown(answer, values))
            answer = dataclasses.replace(answer, verdict=verdict_faithfulness(answer.request, answer.explanation))
        yield self._told(answer, values, dropped)

    def _methods(self, request: Request, cut: Truncation | None, values: Values) -> Generator[Told, None, Answer]:
        for progress in iter_explanation(request):
            answer = Answer(request, progress.explanation, cut)
            if progress.running:
                left = f" · about {progress.left:.0f} s left" if progress.left >= 1 else ""
                done = len(progress.explanation.attributions)
                yield Told(f"{progress.running} is running · {done} done{left}", self._shown(answer, values))
        return answer

    def _explain_passage(self, values: Values) -> Iterator[Told]:
        """The same question about a passage of the answer on the stage."""
        answer: Answer | None = self.stage.read(values)["answer"]
        span = None if answer is None else self.stage.passage.span(answer, values)
        if answer is None or span is None:
            raise InputError("No passage is chosen. Choose where it begins and where it ends.")
        question = dataclasses.replace(answer.request.question, span=span, step=None, foil=None)
        for told in self._answered(dataclasses.replace(answer.request, question=question), values):
            yield dataclasses.replace(told, updates={**told.updates, self.form["span"]: written_span(span)})

    def _explain_also(self, values: Values) -> Iterator[Told]:
        """The same methods for another answer, beside the first."""
        answer: Answer | None = self.stage.read(values)["answer"]
        if answer is None:
            raise InputError("There is no explanation yet. Press Explain.")
        other = self.stage.read(values)["also"]
        if not other:
            yield self._told(dataclasses.replace(answer, other=None), values)
            return
        foil = None if str(answer.request.question.foil) == other else answer.request.question.foil
        question = dataclasses.replace(answer.request.question, target=other, foil=foil)
        for progress in iter_explanation(dataclasses.replace(answer.request, question=question)):
            if progress.running:
                yield Told(f"{progress.running} for {other.strip()}", self._shown(answer, values))
        yield self._told(dataclasses.replace(answer, other=progress.explanation), values)

    def _told(self, answer: Answer, values: Values, dropped: str = "") -> Told:
        return Told(f"{_explained(answer.explanation)}{dropped}", self._shown(answer, values), done=True)

    def _shown(self, answer: Answer, values: Values) -> Updates:
        targets, foils = _offered(answer.explanation)
        passes = verdict_passes(answer.explanation)
        return {
            **self.stage.show(answer, values),
            self.form["target"]: gr.update(choices=targets),
            self.form["foil"]: gr.update(choices=foils),
            self.form["check"]: gr.update(label=f"{CHECK} (up to {passes} passes)" if passes else CHECK),
        }


def _with_sign(request: Request) -> tuple[Request, str]:
    """What is asked with the methods that can compare two answers, where that is asked, and which could not."""
    if request.measure is None:
        return request, ""
    kinds = {name: method_class(name) for name in request.methods}
    left = [kind.title for kind in kinds.values() if not kind.signed]
    kept = [name for name, kind in kinds.items() if kind.signed]
    said = f" ({' and '.join(left)} left out: without a sign two answers cannot be compared)" if left else ""
    return dataclasses.replace(request, methods=kept), said


def _explained(explanation: Explanation) -> str:
    done = len(explanation.attributions)
    return f"Explained {margin(explanation.target, explanation.foil).strip()} by {done} method{'s' * (done != 1)}"


def _offered(explanation: Explanation) -> tuple[list[str], list[str]]:
    """What the target and foil boxes offer: a sequence task takes a whole output as its target."""
    candidates = list(dict.fromkeys(candidate.text for candidate in explanation.prediction.candidates))
    return ([explanation.prediction.text] if explanation.prediction.steps else candidates), candidates
