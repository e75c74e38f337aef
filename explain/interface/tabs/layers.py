"""Layer by layer: the answer read early and which tokens matter where; run when the part is opened."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from explain.inside.report import LayerReport
from explain.interface.serving import HEAVY, LIGHT, guarded
from explain.interface.work.inside import layered
from explain.results import Explanation
from explain.sharing.request import Request
from explain.visualization.layers import lens_curve, tokens_by_layer

GRADIENT, ZEROING, ATTENTION = "gradient x activation", "value zeroing", "attention"
NOTES = {
    GRADIENT: "Each token's state after a layer times the gradient of the explained score there: orange pushes towards the target.",
    ZEROING: "How far the explained position's state moves in this layer when the token's value is zero. Does not know the target.",
    ATTENTION: "Attention of the layer from the explained position, averaged over heads. Does not know the target.",
}
LENS = (
    "The target read after every layer with the model's own final norm and head (logit lens). Orange: it is already the answer; hover "
    "for the best candidate. Lower layers were never trained to be read so."
)


class LayersPart:
    """Built in the current column; computed when it is opened."""

    def __init__(self, task: str) -> None:
        self._report = gr.State(None)
        with gr.Accordion("Layer by layer", open=False, visible=False, elem_id=f"{task}-layers-part") as self._part:
            gr.Markdown(LENS, elem_classes="note")
            self._lens = gr.Plot(label="Lens", show_label=False, elem_id=f"{task}-lens", elem_classes="plot")
            self._view = gr.Radio([GRADIENT, ZEROING, ATTENTION], value=GRADIENT, label="Tokens by layer", elem_id=f"{task}-layers-view")
            self._note = gr.Markdown(NOTES[GRADIENT], elem_classes="note", elem_id=f"{task}-layers-note")
            self._tokens = gr.Plot(label="Layers x tokens", show_label=False, elem_id=f"{task}-layers-tokens", elem_classes="plot")

    @property
    def outputs(self) -> list[Component]:
        """What `show` updates."""
        return [self._part, self._report, self._lens, self._tokens]

    def show(self, explanation: Explanation) -> dict[Component, Any]:
        """Closed and empty until it is opened."""
        visible = any(a.method == "attention" and a.maps for a in explanation)
        return {self._part: gr.update(visible=visible, open=False), **dict.fromkeys((self._report, self._lens, self._tokens))}

    def connect(self, request: gr.State, step: gr.Dropdown, special: gr.Checkbox) -> None:
        """Compute when opened or when another output is asked; redraw when the choice of what is shown changes."""
        asked_with = [request, self._report, self._view, step, special]
        computed = [self._report, self._lens, self._note, self._tokens]
        self._part.expand(guarded(self._compute), asked_with, computed, show_progress_on=[self._lens], **HEAVY)
        step.input(
            guarded(lambda *asked: {self._report: gr.skip()} if asked[1] is None else self._compute(*asked)),
            asked_with,
            computed,
            show_progress_on=[self._lens],
            **HEAVY,
        )
        for choice in (self._view, special):
            choice.input(guarded(_draw), [self._report, self._view, special], [self._note, self._tokens], **LIGHT)

    def _compute(
        self, request: Request | None, known: tuple[int | None, LayerReport, Explanation] | None, view: str, step: int | None, special: bool
    ) -> Any:
        if request is None or (known is not None and known[0] == step):
            return {self._report: gr.skip()}
        report, explanation = layered(request, step)
        found = (step, report, explanation)
        note, tokens = _draw(found, view, special)
        lens = report.lens
        return {
            self._report: found,
            self._lens: None if lens is None else lens_curve(lens, explanation.target.text),
            self._note: note,
            self._tokens: tokens,
        }


def _draw(known: tuple[int | None, LayerReport, Explanation] | None, view: str, special: bool) -> Any:
    if known is None:
        return NOTES[view], None
    _, report, explanation = known
    values = {GRADIENT: report.gradient_rows(len(explanation.tokens)), ZEROING: report.value_zeroing, ATTENTION: report.attention}[view]
    if values is None:
        return "This model uses one layer at every depth: this view cannot tell its layers apart.", None
    gradient = view == GRADIENT
    return NOTES[view], tokens_by_layer(values, explanation, signed=gradient, from_embedding=gradient, special=special)
