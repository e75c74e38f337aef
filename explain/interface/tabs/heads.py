"""Heads and layers switched off: computed when the view is opened."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from explain.errors import InputError
from explain.inside.report import AblationReport
from explain.interface.serving import HEAVY, guarded
from explain.interface.tabs.answer import Seen
from explain.interface.tabs.form import Updates, Values, choice, drawn, plot
from explain.interface.tabs.view import NO_ATTENTION, View, framed_layer
from explain.interface.work.inside import ablate, explain_without
from explain.methods.catalog import METHODS
from explain.methods.head_ablation import Ablation, Head
from explain.models.score import margin
from explain.visualization.ablation import ablated_heatmap, ablation_heatmap, cumulative_curve, head_name
from explain.visualization.attention import GROUP_TITLES

KINDS = [("the score", "effect"), ("the probability", "probability"), ("another answer", "flips")]
OFF = [("zero", Ablation.ZERO.value), ("its mean", Ablation.MEAN.value)]
NOTE = (
    "Every head off by itself, every layer skipped by itself: how far the explained score falls. Orange speaks for the target, blue "
    "against it. One at a time: two heads that do the same work hide each other; the curve below switches them off together."
)


class HeadsView(View):
    """The report is kept until another question, output token or way of being off is asked."""

    name, title, heavy = "heads", "Heads and layers", True

    def build(self) -> None:
        self.add("report", gr.State(None))
        with gr.Row(elem_classes="display"):
            self.add("off", gr.Radio(OFF, value=Ablation.ZERO.value, label="A head that is off gives", elem_classes="pills"))
            self.add("kind", gr.Radio(KINDS, value="effect", label="Colour shows the fall of", elem_classes="pills"))
            self.add("group", choice("Attention", visible=False))
        self.add("map", plot("Heads"))
        self.add("skipped", plot("Layers"))
        self.add("ranked", gr.Markdown())
        self.add("curve", plot("Heads off together"))
        methods = [(method.title, name) for name, method in METHODS.items() if name not in ("head_ablation", "layer_ablation")]
        with gr.Row():
            self.add("head", choice("Head to switch off"))
            self.add("method", gr.Dropdown(methods, value="lrp", label="Method"))
        self.add("compare", gr.Button("Show the scores without this head", size="sm"))
        self.add("difference", plot("Scores without the head"))

    @property
    def changes(self) -> list[Any]:
        return [self[name].input for name in ("off", "kind", "group")]

    def draw(self, seen: Seen, values: Values) -> Updates:
        if not seen.has_attention:
            return {**self.cleared(NO_ATTENTION), self["ranked"]: ""}
        own, request = self.read(values), seen.answer.request
        asked = (request, seen.step, own["off"])
        known: tuple[Any, AblationReport] | None = own["report"]
        fresh = known is None or known[0] != asked
        report = ablate(request, Ablation(own["off"]), seen.step) if known is None or fresh else known[1]
        if own["kind"] == "probability" and report.heads.probability is None:
            raise InputError("This model gives no probability. Choose the score.")
        groups = list(report.heads.effect)
        group = own["group"] if own["group"] in groups else groups[-1]
        stack = "decoder" if group == "cross" else group
        skipped = None if report.layers is None else ablation_heatmap(report.layers.maps, group=stack, kind=own["kind"])
        ranked = [(head_name(head), _key(head)) for head in report.heads.ranked]
        updates = {
            self.note: NOTE,
            self["report"]: (asked, report),
            self["group"]: gr.update(choices=[(GROUP_TITLES[g], g) for g in groups], value=group, visible=len(groups) > 1),
            self["map"]: drawn(framed_layer(ablation_heatmap(report.heads.maps, group=group, kind=own["kind"]), seen.layer)),
            self["skipped"]: drawn(skipped),
        }
        if not fresh:
            return updates
        return {
            **updates,
            self["ranked"]: _ranked(report),
            self["head"]: gr.update(choices=ranked, value=ranked[0][1]),
            self["curve"]: drawn(cumulative_curve(report.curve, f"score of {margin(seen.explanation.target, seen.explanation.foil)}")),
            self["difference"]: drawn(None),
        }

    def connect(self, shared: set[Component], seen_of: Any) -> None:
        """The scores without a head are computed on a button."""

        def compare(values: Values) -> Any:
            seen, own = seen_of(values), self.read(values)
            if seen is None or own["head"] is None:
                raise InputError("There is no explanation yet. Press Explain.")
            group, layer, index = own["head"].split(".")
            head = Head(group, int(layer), int(index))
            found, explanation = explain_without(seen.answer.request, head, own["method"], Ablation(own["off"]), seen.step)
            return drawn(ablated_heatmap(found, explanation, head, special=seen.special))

        inputs = shared | {self[name] for name in ("head", "method", "off")}
        self["compare"].click(guarded(compare), inputs, self["difference"], show_progress_on=[self.note], **HEAVY)


def _ranked(report: AblationReport, *, most: int = 10) -> str:
    """The most critical heads."""
    lines = ["| rank | head | the score falls by | answer |", "| ---: | --- | ---: | --- |"]
    for place, head in enumerate(report.heads.ranked[:most]):
        at = (head.layer, head.index)
        answer = "changes" if report.heads.flips[head.group][at] else "stays"
        lines.append(f"| {place + 1} | {head_name(head)} | {report.heads.effect[head.group][at]:+.4g} | {answer} |")
    return "\n".join(lines)


def _key(head: Head) -> str:
    return f"{head.group}.{head.layer}.{head.index}"
