"""The part of a tab that looks inside the model."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from explain.interface import views
from explain.interface.tabs.ablation import AblationPart
from explain.interface.tabs.attention import AttentionPart
from explain.interface.tabs.layers import LayersPart
from explain.results import Explanation


class Inside:
    """Built in the current column: attention, heads and layers off, layer by layer."""

    def __init__(self, task: str) -> None:
        self._step = gr.Dropdown([], label="Inside: which output token", visible=False, elem_id=f"{task}-inside-step")
        self._attention = AttentionPart(task)
        self._ablation = AblationPart(task)
        self._layers = LayersPart(task)

    @property
    def outputs(self) -> list[Component]:
        """What `show` updates."""
        return [self._step, *self._attention.outputs, *self._ablation.outputs, *self._layers.outputs]

    def show(self, explanation: Explanation, special: bool) -> dict[Component, Any]:
        """The updates for a finished explanation; all that has to be run is closed."""
        steps = views.explained_steps(explanation)
        return {
            self._step: gr.update(choices=steps, value=steps[-1][1] if steps else None, visible=len(steps) > 1),
            **self._attention.show(explanation, special),
            **self._ablation.show(explanation),
            **self._layers.show(explanation),
        }

    def connect(self, state: gr.State, request: gr.State, special: gr.Checkbox) -> None:
        self._attention.connect(state, special)
        self._ablation.connect(state, request, self._step, special)
        self._layers.connect(request, self._step, special)
