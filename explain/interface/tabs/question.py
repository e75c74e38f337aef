"""The left side of a tab: the text, and what is asked about it."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from explain.interface import views
from explain.interface.presets import PRESETS, UNIT_LABELS
from explain.interface.serving import LIGHT
from explain.models.catalog import models_for
from explain.models.tasks import TASKS
from explain.sharing.request import Request

WHOLE = ("the whole output", -1)


class QuestionForm:
    """Built in the current column."""

    def __init__(self, task: str, model: str | None = None) -> None:
        self._task = task
        self._preset = preset = PRESETS[task]
        first = preset.examples[0]
        self.text = gr.Textbox(first.text, label=preset.text_label, lines=3, max_lines=12, elem_id=f"{task}-text")
        with gr.Row(elem_classes="chips"):
            self._chips = [gr.Button(f"{e.text}  ({e.point})", size="sm", elem_classes="chip") for e in preset.examples]
        with gr.Row():
            self.explain = gr.Button("Explain", variant="primary", elem_id=f"{task}-explain")
            self.stop = gr.Button("Stop", visible=False, elem_id=f"{task}-stop")
        names = list(dict.fromkeys([*([model] if model else []), *(entry.name for entry in models_for(task))]))
        self._model = gr.Dropdown(
            names,
            value=names[0],
            label="Model",
            info="Bundled, or any model id of the Hub, or a folder.",
            allow_custom_value=True,
            elem_id=f"{task}-model",
        )
        self._methods = gr.CheckboxGroup(views.method_choices(), value=list(preset.methods), label="Methods", elem_id=f"{task}-methods")
        self._build_target()

    def _build_target(self) -> None:
        task, preset = self._task, self._preset
        asks = preset.target_label is not None
        units = TASKS[task].units
        with gr.Accordion("Target, contrast and unit", open=False, visible=asks) as self._asked:
            self.target = gr.Dropdown(
                [],
                value=preset.examples[0].target,
                label=preset.target_label or "Target",
                info="Empty: the model's own prediction.",
                allow_custom_value=True,
                elem_id=f"{task}-target",
            )
            self.foil = gr.Dropdown(
                [],
                value=preset.examples[0].foil,
                label="rather than",
                info="Empty: no contrast.",
                allow_custom_value=True,
                elem_id=f"{task}-foil",
            )
            self._unit = gr.Radio(
                [(UNIT_LABELS[unit], unit.value) for unit in units],
                value=units[0].value,
                label="Unit of the score",
                visible=len(units) > 1,
                elem_id=f"{task}-unit",
            )
            self._position = gr.Number(
                0,
                precision=0,
                minimum=0,
                label=preset.position_label or "Position",
                visible=preset.position_label is not None,
                elem_id=f"{task}-position",
            )
            self.step = gr.Dropdown(
                [WHOLE],
                value=WHOLE[1],
                label=preset.step_label or "Step",
                visible=preset.step_label is not None,
                elem_id=f"{task}-step",
            )

    @property
    def inputs(self) -> list[Component]:
        """What `request` reads, in its order."""
        return [self.text, self._model, self._methods, self.target, self.foil, self._unit, self._position, self.step]

    def request(
        self,
        text: str,
        model: str | None,
        methods: list[str],
        target: str | None,
        foil: str | None,
        unit: str,
        position: float | None,
        step: int,
    ) -> Request:
        """What the visitor asks; an empty box is a question left open."""
        return Request(
            self._task,
            text,
            model or "",
            methods,
            target or None,
            foil or None,
            None if unit == TASKS[self._task].units[0] else unit,
            int(position or 0) if self._preset.position_label else None,
            None if step == WHOLE[1] else step,
        )

    @property
    def form(self) -> list[Component]:
        """What `filled` sets."""
        return [*self.inputs, self._asked]

    def filled(self, request: Request) -> dict[Component, Any]:
        """The form as it was when this was asked."""
        step = request.step
        steps = [WHOLE] if step is None else [WHOLE, (f"{step + 1}", step)]
        asked = any(value is not None for value in (request.target, request.foil, request.unit, request.position, step))
        return {
            self.text: request.text,
            self._model: request.model,
            self._methods: list(request.methods),
            self.target: None if request.target is None else str(request.target),
            self.foil: None if request.foil is None else str(request.foil),
            self._unit: request.unit or TASKS[self._task].units[0].value,
            self._position: request.position or 0,
            self.step: gr.update(choices=steps, value=WHOLE[1] if step is None else step),
            self._asked: gr.update(open=asked),
        }

    def connect(self) -> None:
        """An example fills in the text and what it asks about it."""
        filled: list[Any] = [self.text, self.target, self.foil, self._position, self.step, self._asked]
        for chip, example in zip(self._chips, self._preset.examples, strict=True):
            values = (example.text, example.target, example.foil, 0, WHOLE[1], gr.update(open=example.target is not None))
            chip.click(lambda values=values: values, None, filled, **LIGHT)
