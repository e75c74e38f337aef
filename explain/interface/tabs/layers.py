"""Layer by layer: the answer read early and which tokens matter where; computed when the view is opened."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explain.inside.report import LayerReport
from explain.interface.tabs.answer import Seen
from explain.interface.tabs.form import Updates, Values, drawn, plot
from explain.interface.tabs.view import NO_ATTENTION, View, framed_layer
from explain.interface.work.inside import read_layers
from explain.results import Explanation
from explain.visualization.layers import lens_curve, tokens_by_layer

GRADIENT, ZEROING, ATTENTION = "gradient x activation", "value zeroing", "attention"
SAID = {
    GRADIENT: "Each token's state after a layer times the gradient of the explained score there: orange pushes towards the target.",
    ZEROING: "How far the explained position's state moves in this layer when the token's value is zero. Does not know the target.",
    ATTENTION: "Attention of the layer from the explained position, averaged over heads. Does not know the target.",
}
LENS = (
    "The target read after every layer with the model's own final norm and head (logit lens). Orange: it is already the answer; hover "
    "for the best candidate. Lower layers were never trained to be read so."
)
SHARED_LAYER = "This model uses one layer at every depth: this view cannot tell its layers apart."


class LayersView(View):
    """The report is kept until another question or output token is asked."""

    name, title, heavy = "layers", "Layer by layer", True

    def build(self) -> None:
        self.add("report", gr.State(None))
        self.add("lens", plot("Lens"))
        self.add("view", gr.Radio(list(SAID), value=GRADIENT, label="Tokens by layer", elem_classes="pills"))
        self.add("said", gr.Markdown(SAID[GRADIENT], elem_classes="note"))
        self.add("tokens", plot("Layers x tokens"))

    @property
    def changes(self) -> list[Any]:
        return [self["view"].input]

    def draw(self, seen: Seen, values: Values) -> Updates:
        if not seen.has_attention:
            return {**self.cleared(NO_ATTENTION), self["said"]: ""}
        own, asked = self.read(values), (seen.answer.request, seen.step)
        known: tuple[Any, LayerReport, Explanation] | None = own["report"]
        report, explanation = read_layers(*asked) if known is None or known[0] != asked else known[1:]
        view = own["view"]
        rows = {GRADIENT: report.gradient_rows(len(explanation.tokens)), ZEROING: report.value_zeroing, ATTENTION: report.attention}[view]
        figure = None
        if rows is not None:
            gradient = view == GRADIENT
            figure = tokens_by_layer(
                rows, explanation, signed=gradient, from_embedding=gradient, words=seen.words, special=seen.special, marked=seen.marked
            )
            framed_layer(figure, None if seen.layer is None else seen.layer + gradient)
        return {
            self.note: LENS,
            self["report"]: (asked, report, explanation),
            self["lens"]: drawn(None if report.lens is None else lens_curve(report.lens, explanation.target.text)),
            self["said"]: SHARED_LAYER if rows is None else SAID[view],
            self["tokens"]: drawn(figure),
        }
