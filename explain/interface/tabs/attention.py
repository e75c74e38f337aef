"""Attention by layer and head, what it agrees with, and the network of the tokens: drawn from an explanation, nothing is run."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from explain.evaluation.agreement import attention_agreement
from explain.inside.report import received
from explain.interface import views
from explain.interface.serving import LIGHT, guarded
from explain.results import Explanation
from explain.visualization.ablation import layers_by_heads
from explain.visualization.attention import GROUP_TITLES, attention_arcs, attention_heatmap, attention_map
from explain.visualization.network import NetworkKind, flow_network

AVERAGE = "average"
HEATMAP, LINES = "heatmap", "lines from query to key"
BLIND = "Attention does not know the target: it is the same for every answer."


class AttentionPart:
    """Built in the current column; shown once an explanation has attention. Agreement and network are drawn when they are opened."""

    def __init__(self, task: str) -> None:
        with gr.Accordion("Attention by layer and head", open=True, visible=False) as self._part:
            gr.Markdown(BLIND, elem_classes="note")
            with gr.Row():
                self._group = gr.Radio([], label="Attention", elem_id=f"{task}-group", visible=False)
                self._layer = gr.Dropdown([AVERAGE], value=AVERAGE, label="Layer", elem_id=f"{task}-layer")
                self._head = gr.Dropdown([AVERAGE], value=AVERAGE, label="Head", elem_id=f"{task}-head")
            self._form = gr.Radio([HEATMAP, LINES], value=HEATMAP, label="Drawn as", elem_id=f"{task}-attention-form")
            self._heatmap = gr.Plot(label="Attention", show_label=False, elem_id=f"{task}-attention", elem_classes="plot")
            self._received = gr.Markdown(elem_id=f"{task}-received")
        with gr.Accordion(
            "Where attention agrees with a method", open=False, visible=False, elem_id=f"{task}-alignment-part"
        ) as self._alignment_part:
            gr.Markdown(
                "Rank correlation (Spearman) of every head's attention from the explained position with the method's absolute scores. "
                "Agreement is not quality: both may be wrong.",
                elem_classes="note",
            )
            self._method = gr.Radio([], label="Method", elem_id=f"{task}-alignment-method")
            self._alignment = gr.Plot(label="Alignment", show_label=False, elem_id=f"{task}-alignment", elem_classes="plot")
        with gr.Accordion(
            "How tokens reach the explained position", open=False, visible=False, elem_id=f"{task}-network-part"
        ) as self._network_part:
            gr.Markdown("Attention through all layers, skip connections included. It does not know the target.", elem_classes="note")
            with gr.Row():
                self._kind = gr.Radio(
                    [kind.value for kind in NetworkKind],
                    value=NetworkKind.ROLLOUT.value,
                    label="Lines",
                    elem_id=f"{task}-kind",
                )
                self._threshold = gr.Slider(
                    0, 1, value=0.1, step=0.01, label="Hide lines weaker than this share of the strongest", elem_id=f"{task}-threshold"
                )
            self._network = gr.Plot(label="Network", show_label=False, elem_id=f"{task}-network", elem_classes="plot")

    @property
    def outputs(self) -> list[Component]:
        """What `show` updates."""
        parts = [self._part, self._alignment_part, self._network_part]
        return [
            *parts,
            self._form,
            self._group,
            self._layer,
            self._head,
            self._heatmap,
            self._received,
            self._method,
            self._alignment,
            self._network,
        ]

    def show(self, explanation: Explanation, special: bool) -> dict[Component, Any]:
        """The updates for a finished explanation: everything averaged, agreement and network closed."""
        maps = _maps(explanation)
        groups = sorted(maps, key=lambda group: group != "cross")
        first = groups[0] if groups else None
        layers, heads = _size(explanation, first)
        others = [(title, name) for title, name in views.method_choices() if name != "attention" and _has(explanation, name)]
        heatmap, table = _draw(explanation, first, AVERAGE, AVERAGE, special, HEATMAP) if groups else (None, "")
        return {
            self._part: gr.update(visible=bool(groups)),
            self._group: gr.update(choices=[(GROUP_TITLES[g], g) for g in groups], value=first, visible=len(groups) > 1),
            self._layer: gr.update(choices=[AVERAGE, *map(str, range(layers))], value=AVERAGE),
            self._head: gr.update(choices=[AVERAGE, *map(str, range(heads))], value=AVERAGE),
            self._form: HEATMAP,
            self._heatmap: heatmap,
            self._received: table,
            self._alignment_part: gr.update(visible=bool(groups and others), open=False),
            self._method: gr.update(choices=others, value=others[-1][1] if others else None),
            self._alignment: None,
            self._network_part: gr.update(visible=bool(groups), open=False),
            self._network: None,
        }

    def connect(self, state: gr.State, special: gr.Checkbox) -> None:
        """Redraw when a choice changes."""
        choices = [state, self._group, self._layer, self._head, special, self._form]
        for part in (self._group, self._layer, self._head, special, self._form):
            part.input(guarded(_draw), choices, [self._heatmap, self._received], **LIGHT)
        gr.on(
            [self._alignment_part.expand, self._method.input, self._group.input],
            guarded(_draw_alignment),
            [state, self._method, self._group],
            self._alignment,
            **LIGHT,
        )
        gr.on(
            [self._network_part.expand, self._kind.input, self._threshold.release],
            guarded(_draw_network),
            [state, self._kind, self._threshold],
            self._network,
            **LIGHT,
        )


def _has(explanation: Explanation, method: str) -> bool:
    return any(a.method == method for a in explanation)


def _maps(explanation: Explanation) -> dict[str, Any]:
    return next((dict(a.maps) for a in explanation if a.method == "attention"), {})


def _size(explanation: Explanation, group: str | None) -> tuple[int, int]:
    return (0, 0) if group is None else _maps(explanation)[group].shape[:2]


def _draw(explanation: Explanation | None, group: str | None, layer: str, head: str, special: bool, form: str) -> Any:
    """The heatmap or the lines, and the tokens that receive most."""
    if explanation is None or not _maps(explanation):
        return None, ""
    group = group or next(iter(_maps(explanation)))
    sizes = zip((layer, head), _size(explanation, group), strict=True)
    chosen = [None if value == AVERAGE or int(value) >= size else int(value) for value, size in sizes]
    if form == LINES:
        figure = attention_arcs(explanation, group=group, layer=chosen[0], head=chosen[1])
    else:
        figure = attention_heatmap(explanation, group=group, layer=chosen[0], head=chosen[1], special=special)
    shown = attention_map(explanation, group, *chosen)
    return figure, views.received_table(shown.keys, received(shown.matrix))


def _draw_alignment(explanation: Explanation | None, method: str | None, group: str | None) -> Any:
    if explanation is None or method is None or not _maps(explanation) or group == "decoder":
        return None
    return layers_by_heads(attention_agreement(explanation, method, group=group), signed=True)


def _draw_network(explanation: Explanation | None, kind: str, threshold: float) -> Any:
    if explanation is None or not _maps(explanation):
        return None
    return flow_network(explanation, kind=NetworkKind(kind), threshold=threshold)
