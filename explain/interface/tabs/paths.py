"""How the tokens reach the explained position through all layers."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explain.interface.tabs.answer import Seen
from explain.interface.tabs.form import Updates, Values, drawn, plot
from explain.interface.tabs.view import NO_ATTENTION, View, framed_layer
from explain.visualization.network import NetworkKind, flow_network

NOTE = "Attention through all layers, skip connections included, on its way to the explained position. It does not know the target."


class PathsView(View):
    """Drawn from the attention of the explanation."""

    name, title = "paths", "Paths"

    def build(self) -> None:
        kinds = [kind.value for kind in NetworkKind]
        with gr.Row(elem_classes="display"):
            self.add("kind", gr.Radio(kinds, value=NetworkKind.ROLLOUT.value, label="Lines", elem_classes="pills"))
            self.add("threshold", gr.Slider(0, 1, value=0.1, step=0.01, label="Hide lines weaker than this share of the strongest"))
        self.add("plot", plot("Paths"))

    @property
    def changes(self) -> list[Any]:
        return [self["kind"].input, self["threshold"].release]

    def draw(self, seen: Seen, values: Values) -> Updates:
        if not seen.has_attention:
            return self.cleared(NO_ATTENTION)
        own, explanation = self.read(values), seen.answer.explanation
        figure = flow_network(explanation, kind=own["kind"], threshold=own["threshold"], marked=seen.marked)
        framed = framed_layer(figure, None if seen.layer is None else seen.layer + 1, across=True)
        return {self.note: NOTE, self["plot"]: drawn(framed)}
