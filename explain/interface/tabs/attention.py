"""Attention by layer and head, and where it agrees with a method: drawn from the explanation, nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from explain.evaluation.agreement import attention_agreement
from explain.inside.report import received
from explain.interface.tabs.answer import Seen
from explain.interface.tabs.form import Updates, Values, choice, drawn, escaped, plot
from explain.interface.tabs.view import NO_ATTENTION, View, framed_layer
from explain.results import Explanation
from explain.types import Array
from explain.visualization.ablation import layers_by_heads
from explain.visualization.attention import GROUP_TITLES, attention_arcs, attention_heatmap, attention_map

AVERAGE = -1
HEATMAP, LINES, AGREEMENT = "heatmap", "lines from query to key", "agreement with a method"
NOTES = {
    HEATMAP: "Attention does not know the target: it is the same for every answer. The layer is chosen above.",
    LINES: "Attention does not know the target: it is the same for every answer. The layer is chosen above.",
    AGREEMENT: "Rank correlation (Spearman) of every head's attention from the explained position with the method's absolute scores. "
    "Agreement is not quality: both may be wrong.",
}


class AttentionView(View):
    """All maps are in the explanation."""

    name, title = "attention", "Attention"

    def build(self) -> None:
        with gr.Row(elem_classes="display"):
            self.add("form", gr.Radio(list(NOTES), value=HEATMAP, label="Shown as", elem_classes="pills"))
            self.add("group", choice("Attention", visible=False))
            self.add("head", choice("Head", [("all, averaged", AVERAGE)]))
            self.add("method", choice("Method", visible=False))
        self.add("plot", plot("Attention"))
        self.add("received", gr.Markdown())

    @property
    def changes(self) -> list[Any]:
        return [self[name].input for name in ("form", "group", "head", "method")]

    def draw(self, seen: Seen, values: Values) -> Updates:
        explanation = seen.answer.explanation
        if not seen.has_attention:
            return {**self.cleared(NO_ATTENTION), self["received"]: ""}
        own, maps = self.read(values), explanation["attention"].maps
        groups = sorted(maps, key=lambda group: group != "cross")
        group = own["group"] if own["group"] in groups else groups[0]
        layers, heads = maps[group].shape[:2]
        layer = seen.layer if seen.layer is not None and seen.layer < layers else None
        head = own["head"] if own["head"] in range(heads) else None
        others = [(a.title, a.method) for a in explanation if a.method != "attention"]
        method = own["method"] if own["method"] in [name for _, name in others] else (others[0][1] if others else None)
        form = own["form"]
        if form == AGREEMENT:
            figure = _agreement(explanation, method, group, layer)
        elif form == LINES:
            figure = attention_arcs(explanation, group=group, layer=layer, head=head)
        else:
            figure = attention_heatmap(explanation, group=group, layer=layer, head=head, special=seen.special, marked=seen.marked)
        shown = attention_map(explanation, group, layer, head)
        return {
            self.note: NOTES[form],
            self["form"]: form,
            self["group"]: gr.update(choices=[(GROUP_TITLES[g], g) for g in groups], value=group, visible=len(groups) > 1),
            self["head"]: gr.update(
                choices=[("all, averaged", AVERAGE), *((str(number), number) for number in range(heads))],
                value=AVERAGE if head is None else head,
                visible=form != AGREEMENT,
            ),
            self["method"]: gr.update(choices=others, value=method, visible=form == AGREEMENT),
            self["plot"]: drawn(figure),
            self["received"]: "" if form == AGREEMENT else _received(shown.keys, received(shown.matrix)),
        }


def _agreement(explanation: Explanation, method: str | None, group: str, layer: int | None) -> Any:
    if method is None or group == "decoder":
        return None
    return framed_layer(layers_by_heads(attention_agreement(explanation, method, group=group), signed=True), layer)


def _received(labels: Sequence[str], values: Array, *, most: int = 8) -> str:
    """The tokens that receive the most attention, ranked."""
    rows = [f"| {place + 1} | {escaped(labels[i])} | {values[i]:.3f} |" for place, i in enumerate((-values).argsort()[:most])]
    return "\n".join(["| rank | token | attention received from a query on average |", "| ---: | --- | ---: |", *rows])
