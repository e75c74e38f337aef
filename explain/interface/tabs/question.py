"""The one question form: what is asked, the text, the model, the methods, and what a task lets ask besides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.interface.presets import preset
from explain.interface.serving import guarded
from explain.interface.tabs.chat import PARTS, add_chat, chat_of, filled_chat
from explain.interface.tabs.form import QUICK, Form, Updates, Values
from explain.interface.tabs.methods import add_methods, choose, chosen_methods
from explain.interface.tabs.options import OptionsForm
from explain.interface.tabs.parts import INFO as INFO_OF_PARTS
from explain.interface.tabs.parts import parts_from, typed_parts
from explain.models.catalog import models_for
from explain.models.tasks import TASKS, Task, task_class
from explain.sharing.request import Request
from explain.types import Question

COMPARED = [("at the first token where they part", ""), ("whole, mean per token", "mean"), ("whole, sum of tokens", "sum")]
"""How two outputs are compared."""
CHARACTERS = re.compile(r"\s*characters (\d+) to (\d+)\s*")
UNIT_LABELS = {"logit": "logit", "log_probability": "log-probability", "probability": "probability"}
INFO = {
    "target": "Empty: the model's own prediction.",
    "foil": "Empty: no contrast.",
    "step": "From 0. Empty: every output token.",
    "span": "Words of the output, explained as one, or: characters 0 to 9. Empty: every output token.",
}


class QuestionForm(Form):
    """Built in the current column; one for each of the three tabs that ask a model.

    Args:
        prefix: Of the element ids.
        task: The task that is chosen at first.
        model: The model that is chosen at first.
        text: What is in the text box at first.
        label: Of the text box; the task's own if left out.
        info: What stands under that label.
        button: What the button says.
        examples: What the buttons that fill the form in say; those with nothing to say are not shown.
        methods: Those chosen at first; the task's own if left out.
        chats: Whether a chat may be asked.
    """

    def __init__(
        self,
        prefix: str,
        *,
        task: str,
        text: str,
        button: str,
        model: str | None = None,
        label: str | None = None,
        info: str | None = None,
        examples: Sequence[str] = (),
        methods: Sequence[str] | None = None,
        chats: bool = False,
    ) -> None:
        super().__init__(prefix)
        self._label, self._methods = label, methods
        asked = task_class(task)
        self.add(
            "task",
            gr.Radio([(known.title, name) for name, known in TASKS.items()], value=task, label="What is asked", elem_classes="pills"),
        )
        lines = 3 if label is None else 5
        self.add("text", gr.Textbox(text, label=label or asked.text_label, info=info, lines=lines, max_lines=12))
        with gr.Row(elem_classes="chips", visible=bool(examples)):
            self.chips = [
                gr.Button(label, size="sm", visible=bool(label), elem_id=self.id(f"example-{n}")) for n, label in enumerate(examples)
            ]
        with gr.Row(elem_classes="actions"):
            self.add("run", gr.Button(button, variant="primary"))
            self.add("stop", gr.Button("Stop", visible=False))
        names = self._models(task, model)
        self.add(
            "model",
            gr.Dropdown(names, value=names[0], label="Model", info="Bundled, a Hub id, or a folder.", allow_custom_value=True),
        )
        with gr.Accordion("Answer to explain, contrast and unit", open=False, elem_classes="asked") as self.asked:
            self._build_asked(asked, one=chats)
        self.asked.visible = bool(asked.asks)
        self._chat = add_chat(self, asked) if chats else None
        add_methods(self, methods or preset(task).methods)

    def _build_asked(self, asked: type[Task], *, one: bool) -> None:
        """What a task asks; of `one` text or chat also how two outputs are compared."""
        for name in ("target", "foil"):
            self.add(name, gr.Dropdown([], value=None, info=INFO[name], allow_custom_value=True, **self._asks(asked, name)))
        if one:
            self.add("measure", gr.Radio(COMPARED, value="", label="Two outputs are compared", visible=asked.sequence))
            self.add("parts", gr.Textbox("", label="Parts to sum to", info=INFO_OF_PARTS, lines=1, max_lines=8))
        self.add("unit", gr.Radio(_units(asked), value=asked.units[0].value, **self._asks(asked, "unit")))
        self.add("span", gr.Textbox("", info=INFO["span"], **self._asks(asked, "span")))
        for name in ("position", "step"):
            self.add(name, gr.Number(None, precision=0, minimum=0, info=INFO.get(name), **self._asks(asked, name)))

    @staticmethod
    def _asks(asked: type[Task], name: str) -> dict[str, Any]:
        """The label of a field as the task declares it; a field that it does not ask is not shown."""
        return {"label": asked.asks.get(name, name.capitalize()), "visible": name in asked.asks}

    @staticmethod
    def _models(task: str, first: str | None = None) -> list[str]:
        return list(dict.fromkeys([*([first] if first else []), *(entry.name for entry in models_for(task))])) or [""]

    def preferred(self, task: str) -> Sequence[str]:
        """The methods that are shown first."""
        return self._methods or preset(task).methods

    def request(self, values: Values, options: OptionsForm, text: str | None = None) -> Request:
        """What the visitor asks; an empty box is a question left open. `text` stands for the box if it is given."""
        given = self.read(values)
        task = given["task"]
        asked = task_class(task)
        fields = {name: given[name] for name in asked.asks if name in given}
        fields = {name: None if value in ("", None) else value for name, value in fields.items()}
        if "span" in fields:
            fields["span"] = read_span(fields["span"])
        if fields.get("unit") == asked.units[0]:
            fields["unit"] = None
        methods = chosen_methods(given, self.preferred(task))
        chat = given.get("chat") and asked.chats and text is None
        about = chat_of(given) if chat else {"text": given["text"] if text is None else text}
        question = Question(**about, **fields, spans=parts_from(given.get("parts") or "", about))
        both = asked.sequence and isinstance(fields.get("target"), str) and isinstance(fields.get("foil"), str)
        measure = (given.get("measure") or None) if both else None
        return Request(task, given["model"] or "", question, methods, options.read(values, methods), measure=measure)

    def on_example(self, handler: Callable[..., Updates], inputs: set[Component], outputs: Iterable[Component]) -> None:
        """Call `handler` with the values of the inputs and the number of the example that was chosen."""
        for number, chip in enumerate(self.chips):
            chosen = guarded(lambda values, number=number: handler(values, number))
            chip.click(chosen, inputs, list(outputs), **QUICK)

    def label_examples(self, labels: Sequence[str]) -> Updates:
        """Other examples; there are as many buttons as the task with the most of them needs."""
        shown = zip_longest(self.chips, labels)
        return {chip: gr.update(value=label or "", visible=label is not None) for chip, label in shown}

    def for_task(self, task: str, model: str | None = None) -> Updates:
        """The form as another task needs it."""
        asked, names = task_class(task), self._models(task, model)
        shown = {name: gr.update(value=None, **self._asks(asked, name)) for name in ("target", "foil", "span", "position", "step")}
        for name in ("target", "foil"):
            shown[name]["choices"] = []
        return {
            **self.updates(**shown),
            **({} if self._chat is None else self.updates(measure=gr.update(value="", visible=asked.sequence), parts="")),
            self["unit"]: gr.update(choices=_units(asked), value=asked.units[0].value, **self._asks(asked, "unit")),
            self["text"]: gr.update(label=self._label or asked.text_label),
            self["model"]: gr.update(choices=names, value=names[0]),
            self.asked: gr.update(visible=bool(asked.asks), open=False),
            **({} if self._chat is None else {self._chat: gr.update(visible=asked.chats)}),
            **({} if self._methods else choose(preset(task).methods, self)),
        }

    def filled(self, request: Request) -> Updates:
        """The form as it was when this was asked."""
        question, asked = request.question, task_class(request.task)
        updates = self.for_task(request.task, request.model)
        updates[self["task"]] = request.task
        said = filled_chat(question)
        updates[self["text"]]["value"] = said["text"]
        if self._chat is not None:
            updates |= self.updates(**{name: said[name] for name in PARTS})
            updates[self._chat] = gr.update(visible=asked.chats, open=said["chat"])
            updates[self["measure"]]["value"] = request.measure or ""
            updates[self["parts"]] = typed_parts(question)
        for name, value in question.given.items():
            if name in asked.asks:
                shown = written_span(value) if name == "span" else value
                updates[self[name]]["value"] = str(shown) if name in ("target", "foil", "unit") else shown
        updates[self.asked]["open"] = bool(question.given.keys() & {*asked.asks, "spans"})
        return {**updates, **choose(request.methods, self)}

    @property
    def fillable(self) -> set[Any]:
        """What `for_task` and `filled` set."""
        sections = {self.asked, *self.chips, *([] if self._chat is None else [self._chat])}
        return (self.components | sections) - {self._parts[name] for name in ("run", "stop") if name in self._parts}


def read_span(typed: str | None) -> str | tuple[int, int] | None:
    """A passage as a question has it."""
    numbers = CHARACTERS.fullmatch(typed or "")
    return typed if numbers is None else (int(numbers[1]), int(numbers[2]))


def written_span(span: str | tuple[int, int]) -> str:
    """A passage as it is typed: its words, or which characters."""
    return span if isinstance(span, str) else f"characters {span[0]} to {span[1]}"


def _units(asked: type[Task]) -> list[tuple[str, str]]:
    return [(UNIT_LABELS[unit], unit.value) for unit in asked.units]
