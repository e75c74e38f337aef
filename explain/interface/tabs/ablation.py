"""Heads and layers switched off: run when the part is opened or its button pressed."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from explain.errors import InputError
from explain.inside.report import AblationReport
from explain.interface import views
from explain.interface.serving import HEAVY, LIGHT, guarded
from explain.interface.work.inside import ablated, without_head
from explain.methods.head_ablation import Ablation, Head
from explain.models.score import margin
from explain.results import Explanation
from explain.sharing.request import Request
from explain.visualization.ablation import ablated_heatmap, ablation_heatmap, cumulative_curve, head_name
from explain.visualization.attention import GROUP_TITLES

KINDS = [("the score", "effect"), ("the probability", "probability"), ("another answer", "flips")]
OFF = [("zero", Ablation.ZERO.value), ("its mean", Ablation.MEAN.value)]
NOTE = (
    "Every head off by itself, every layer skipped by itself: how far the explained score falls. Orange speaks for the target, blue "
    "against it. One at a time: two heads that do the same work hide each other; the curve below switches them off together."
)


class AblationPart:
    """Built in the current column; computed when it is opened."""

    def __init__(self, task: str) -> None:
        self._report = gr.State(None)
        with gr.Accordion("Heads and layers switched off", open=False, visible=False, elem_id=f"{task}-ablation-part") as self._part:
            gr.Markdown(NOTE, elem_classes="note")
            with gr.Row():
                self._off = gr.Radio(OFF, value=Ablation.ZERO.value, label="A head that is off gives", elem_id=f"{task}-ablation-off")
                self._kind = gr.Radio(KINDS, value="effect", label="Colour shows the fall of", elem_id=f"{task}-ablation-kind")
                self._group = gr.Radio([], label="Attention", elem_id=f"{task}-ablation-group", visible=False)
            self._heads = gr.Plot(label="Heads", show_label=False, elem_id=f"{task}-ablation-heads", elem_classes="plot")
            self._layers = gr.Plot(label="Layers", show_label=False, elem_id=f"{task}-ablation-layers", elem_classes="plot")
            self._ranked = gr.Markdown(elem_id=f"{task}-ablation-ranked")
            self._curve = gr.Plot(label="Heads off together", show_label=False, elem_id=f"{task}-ablation-curve", elem_classes="plot")
            with gr.Row():
                self._head = gr.Dropdown([], label="Head to switch off", elem_id=f"{task}-ablation-head")
                self._method = gr.Dropdown(
                    [choice for choice in views.method_choices() if choice[1] not in ("head_ablation", "layer_ablation")],
                    value="input_x_gradient",
                    label="Method",
                    elem_id=f"{task}-ablation-method",
                )
            self._compare = gr.Button("Show the scores without this head", elem_id=f"{task}-ablation-compare")
            self._difference = gr.Plot(label="Scores without the head", show_label=False, elem_id=f"{task}-ablation-difference")

    @property
    def outputs(self) -> list[Component]:
        """What `show` updates."""
        return [self._part, self._report, self._heads, self._layers, self._ranked, self._curve, self._difference]

    def show(self, explanation: Explanation) -> dict[Component, Any]:
        """Closed and empty until it is opened."""
        visible = any(a.method == "attention" and a.maps for a in explanation)
        drawings = (self._report, self._heads, self._layers, self._curve, self._difference)
        return {self._part: gr.update(visible=visible, open=False), self._ranked: "", **dict.fromkeys(drawings)}

    def connect(self, state: gr.State, request: gr.State, step: gr.Dropdown, special: gr.Checkbox) -> None:
        """Compute when opened or when another question is asked; redraw when the choice of what is shown changes."""
        drawn = [self._heads, self._layers, self._ranked, self._curve]
        asked_with = [state, request, self._report, self._off, self._kind, self._group, step]
        computed = [self._report, self._group, self._head, *drawn]
        self._part.expand(guarded(self._compute), asked_with, computed, show_progress_on=[self._heads], **HEAVY)
        gr.on(
            [self._off.input, step.input],
            guarded(lambda *asked: {self._report: gr.skip()} if asked[2] is None else self._compute(*asked)),
            asked_with,
            computed,
            show_progress_on=[self._heads],
            **HEAVY,
        )
        for choice in (self._kind, self._group):
            choice.input(guarded(_draw_map), [self._report, self._kind, self._group], [self._heads, self._layers], **LIGHT)
        self._compare.click(
            guarded(_compare),
            [state, request, self._head, self._method, self._off, step, special],
            self._difference,
            show_progress_on=[self._difference],
            **HEAVY,
        )

    def _compute(
        self,
        explanation: Explanation | None,
        request: Request | None,
        known: tuple[str, int | None, AblationReport] | None,
        off: str,
        kind: str,
        group: str | None,
        step: int | None,
    ) -> Any:
        if explanation is None or request is None or (known is not None and known[:2] == (off, step)):
            return {self._report: gr.skip()}
        report = ablated(request, Ablation(off), step)
        groups = list(report.heads.effect)
        group = group if group in groups else groups[-1]
        ranked = [(head_name(head), _key(head)) for head in report.heads.ranked]
        heads, layers = _draw_map((off, step, report), kind, group)
        return {
            self._report: (off, step, report),
            self._group: gr.update(choices=[(GROUP_TITLES[g], g) for g in groups], value=group, visible=len(groups) > 1),
            self._head: gr.update(choices=ranked, value=ranked[0][1]),
            self._heads: heads,
            self._layers: layers,
            self._ranked: views.critical_table(report),
            self._curve: cumulative_curve(report.curve, f"score of {margin(explanation.target, explanation.foil)}"),
        }


def _draw_map(known: tuple[str, int | None, AblationReport] | None, kind: str, group: str | None) -> Any:
    if known is None:
        return None, None
    report = known[2]
    if kind == "probability" and report.heads.probability is None:
        raise InputError("This model gives no probability. Choose the score.")
    heads = ablation_heatmap(report.heads.maps, group=group, kind=kind)
    stack = "decoder" if group == "cross" else group
    return heads, None if report.layers is None else ablation_heatmap(report.layers.maps, group=stack, kind=kind)


def _compare(
    explanation: Explanation | None, request: Request | None, head: str | None, name: str, off: str, step: int | None, special: bool
) -> Any:
    if explanation is None or request is None or head is None:
        raise InputError("There is no explanation yet. Press Explain.")
    group, layer, index = head.split(".")
    chosen = Head(group, int(layer), int(index))
    found, explanation = without_head(request, chosen, name, Ablation(off), step)
    return ablated_heatmap(found, explanation, chosen, special=special)


def _key(head: Head) -> str:
    return f"{head.group}.{head.layer}.{head.index}"
