"""The part of a tab that looks inside the model: attention by layer and head, and the network of its tokens."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from explain.interface.serving import guarded
from explain.types import Explanation
from explain.visualization.attention import GROUP_TITLES, attention_heatmap
from explain.visualization.network import NetworkKind, flow_network

AVERAGE = "average"
LIGHT: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


class Inside:
    """Built in the current column; shown once an explanation has attention. The network is drawn when it is opened."""

    def __init__(self, task: str) -> None:
        with gr.Accordion("Attention by layer and head", open=True, visible=False) as self._attention_part:
            with gr.Row():
                self._group = gr.Radio([], label="Attention", elem_id=f"{task}-group", visible=False)
                self._layer = gr.Dropdown([AVERAGE], value=AVERAGE, label="Layer", elem_id=f"{task}-layer")
                self._head = gr.Dropdown([AVERAGE], value=AVERAGE, label="Head", elem_id=f"{task}-head")
            self._attention = gr.Plot(label="Attention", show_label=False, elem_id=f"{task}-attention", elem_classes="plot")
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
        return [self._attention_part, self._group, self._layer, self._head, self._attention, self._network_part, self._network]

    def show(self, explanation: Explanation, special: bool) -> dict[Component, Any]:
        """The updates for a finished explanation: everything averaged, the network closed."""
        maps = _maps(explanation)
        groups = sorted(maps, key=lambda group: group != "cross")
        first = groups[0] if groups else None
        layers, heads = _size(explanation, first)
        return {
            self._attention_part: gr.update(visible=bool(groups)),
            self._group: gr.update(choices=[(GROUP_TITLES[g], g) for g in groups], value=first, visible=len(groups) > 1),
            self._layer: gr.update(choices=[AVERAGE, *map(str, range(layers))], value=AVERAGE),
            self._head: gr.update(choices=[AVERAGE, *map(str, range(heads))], value=AVERAGE),
            self._attention: _draw_attention(explanation, first, AVERAGE, AVERAGE, special) if groups else None,
            self._network_part: gr.update(visible=bool(groups), open=False),
            self._network: None,
        }

    def connect(self, state: gr.State, special: gr.Checkbox) -> None:
        """Redraw when a choice changes; nothing is computed again."""
        for part in (self._group, self._layer, self._head, special):
            part.change(guarded(_draw_attention), [state, self._group, self._layer, self._head, special], self._attention, **LIGHT)
        network = [state, self._kind, self._threshold]
        gr.on(
            [self._network_part.expand, self._kind.change, self._threshold.release], guarded(_draw_network), network, self._network, **LIGHT
        )


def _maps(explanation: Explanation) -> dict[str, Any]:
    return next((dict(a.maps) for a in explanation if a.method == "attention"), {})


def _size(explanation: Explanation, group: str | None) -> tuple[int, int]:
    return (0, 0) if group is None else _maps(explanation)[group].shape[:2]


def _draw_attention(explanation: Explanation | None, group: str | None, layer: str, head: str, special: bool) -> Any:
    if explanation is None or not _maps(explanation):
        return None
    group = group or next(iter(_maps(explanation)))
    sizes = zip((layer, head), _size(explanation, group), strict=True)
    chosen = [None if value == AVERAGE or int(value) >= size else int(value) for value, size in sizes]
    return attention_heatmap(explanation, group=group, layer=chosen[0], head=chosen[1], special=special)


def _draw_network(explanation: Explanation | None, kind: str, threshold: float) -> Any:
    if explanation is None or not _maps(explanation):
        return None
    return flow_network(explanation, kind=NetworkKind(kind), threshold=threshold)
