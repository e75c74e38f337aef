"""What a comparison of prompts shows: a table, aligned scores, a minimal pair, keywords, and the fillers of a template."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr
from gradio.components import Component

from explain.errors import InputError
from explain.interface.presets import PROMPT_METHODS
from explain.interface.serving import LIGHT, guarded
from explain.interface.tabs.form import Form, Updates, Values, choice, drawn, escaped, plot
from explain.interface.work.prompts import keywords_from
from explain.methods.catalog import method_class
from explain.prompts import Change, KeywordTracking, MinimalPair, PromptComparison, TemplateProbe, minimal_pair
from explain.visualization.outlined import outlined
from explain.visualization.prompts import QUANTITIES, aligned_heatmap, filler_chart, keyword_chart, keyword_tokens, pair_bars, shortened

ORDERS = [("as given", ""), ("score, highest first", "score"), ("probability of the target, highest first", "probability")]
KEYWORDS = (
    "Share of all absolute scores, summed score and rank of each keyword by every method, and what the score loses when the keyword alone "
    "is taken away."
)
FILLERS = (
    "Mean effect of each filler on the score of the target, against the mean of all fillers in the same sentence. Several templates with "
    "the same slot give intervals. A difference shows what this model does, not what is true of people."
)


class PromptViews(Form):
    """Built in the current column."""

    def __init__(self) -> None:
        super().__init__("prompts")
        for state in ("comparison", "tracking", "probe"):
            self.add(state, gr.State(None))
        with gr.Tabs(elem_id="prompts-views"):
            with gr.Tab("Prompts", id="table"):
                with gr.Row(elem_classes="display"):
                    self.add("method", gr.Radio(_titles(PROMPT_METHODS), value=PROMPT_METHODS[0], label="Method", elem_classes="pills"))
                    self.add("order", gr.Dropdown(ORDERS, value="", label="Order"))
                    self.add("containing", gr.Textbox("", label="Only prompts with the word"))
                self.add("table", gr.Dataframe(label="Predictions", interactive=False, wrap=True, visible=False))
                self.add("heatmap", plot("Aligned prompts"))
                self.add("lines", gr.HTML(visible=False, label="Prompts with keywords outlined"))
            with gr.Tab("Minimal pair", id="pair"):
                with gr.Row(elem_classes="display"):
                    self.add("one", choice("First prompt"))
                    self.add("other", choice("Second prompt"))
                self.add("change", gr.Markdown())
                self.add("bars", plot("Change of the scores"))
            with gr.Tab("Keywords", id="keywords"):
                gr.Markdown(KEYWORDS, elem_classes="note")
                with gr.Row(elem_classes="display"):
                    self.add("keyword", choice("Keyword"))
                    self.add("quantity", gr.Radio(list(QUANTITIES), value="share", label="Quantity", elem_classes="pills"))
                self.add("keyword-plot", plot("Keyword over prompts"))
            with gr.Tab("Template", id="fillers"):
                gr.Markdown(FILLERS, elem_classes="note")
                self.add("fillers", plot("Effect of the fillers"))
                self.add("filler-note", gr.Markdown())

    def connect(self, keywords: Component) -> None:
        """Redraw when a choice changes."""
        gr.on(
            [self["method"].input, self["order"].input, self["containing"].submit, self["containing"].blur],
            guarded(lambda values: self._prompts(values, keywords_from(values[keywords]))),
            {self[name] for name in ("comparison", "method", "order", "containing")} | {keywords},
            [self[name] for name in ("table", "heatmap", "lines")],
            **LIGHT,
        )
        gr.on(
            [self["one"].input, self["other"].input, self["method"].input],
            guarded(self._pair),
            {self[name] for name in ("comparison", "one", "other", "method")},
            [self["change"], self["bars"]],
            **LIGHT,
        )
        gr.on(
            [self["keyword"].input, self["quantity"].input],
            guarded(self._keyword),
            {self[name] for name in ("tracking", "keyword", "quantity")},
            self["keyword-plot"],
            **LIGHT,
        )

    def show(
        self,
        comparison: PromptComparison,
        methods: Sequence[str],
        keywords: list[str],
        tracking: KeywordTracking | None,
        probe: TemplateProbe | None,
    ) -> Updates:
        """Everything of a finished comparison, in the order in which the prompts were given."""
        names = [(f"{number}. {shortened(e.text)}", number - 1) for number, e in enumerate(comparison, 1)]
        chosen: Values = {
            self["comparison"]: comparison,
            self["tracking"]: tracking,
            self["method"]: methods[0],
            self["order"]: "",
            self["containing"]: "",
            self["one"]: 0,
            self["other"]: 1,
            self["keyword"]: keywords[0] if keywords else None,
            self["quantity"]: "share",
        }
        return {
            **chosen,
            self["method"]: gr.update(choices=_titles(methods), value=methods[0]),
            self["one"]: gr.update(choices=names, value=0),
            self["other"]: gr.update(choices=names, value=1),
            self["keyword"]: gr.update(choices=keywords, value=keywords[0] if keywords else None),
            self["probe"]: probe,
            self["fillers"]: drawn(None if probe is None else filler_chart(probe)),
            self["filler-note"]: "No template was given." if probe is None else _fillers(probe),
            **self._prompts(chosen, keywords),
            **self._pair(chosen),
            **self._keyword(chosen),
        }

    def _prompts(self, values: Values, keywords: list[str]) -> Updates:
        """Table, aligned heatmap and lines of the prompts that are to be shown, in the order asked for."""
        own = self.read(values)
        comparison: PromptComparison | None = own["comparison"]
        if comparison is None:
            return {self["table"]: gr.skip()}
        word = own["containing"].strip()
        kept = comparison.filter(containing=word) if word else comparison
        kept = kept.sort(own["order"]) if own["order"] else kept
        if not len(kept):
            raise InputError(f"No prompt contains {word!r}.")
        table = kept.table().round(4).drop(columns=["foil", "unit"])
        widths = ["240px", *["120px"] * (table.shape[1] - 1)]
        lines = "".join(outlined(e, own["method"], keyword_tokens(e, keywords)) for e in kept)
        return {
            self["table"]: gr.update(value=table, column_widths=widths, visible=True),
            self["heatmap"]: drawn(aligned_heatmap(kept, own["method"])),
            self["lines"]: gr.update(value=lines, visible=True),
        }

    def _pair(self, values: Values) -> Updates:
        own = self.read(values)
        comparison, one, other = own["comparison"], own["one"], own["other"]
        if comparison is None or one is None or other is None:
            return {self["change"]: gr.skip()}
        pair = minimal_pair(comparison.explanations[one], comparison.explanations[other])
        comparable = pair.same_question or not any(label.signed for label in pair.labels if label.name == own["method"])
        return {self["change"]: _change(pair), self["bars"]: drawn(pair_bars(pair, own["method"]) if comparable else None)}

    def _keyword(self, values: Values) -> Updates:
        own = self.read(values)
        known = own["tracking"] is not None and own["keyword"] is not None
        return {self["keyword-plot"]: drawn(keyword_chart(own["tracking"], own["keyword"], own["quantity"]) if known else None)}


def _titles(methods: Sequence[str]) -> list[tuple[str, str]]:
    return [(method_class(name).title, name) for name in methods]


def _change(pair: MinimalPair) -> str:
    """What changed in text and prediction."""
    removed, added = (", ".join(f"*{escaped(word)}*" for word in pair.words(change)) for change in (Change.REMOVED, Change.ADDED))
    first, second = (escaped(text) for text in pair.predictions)
    lines = [f"Removed: {removed or 'nothing'}. Added: {added or 'nothing'}.", "", f"Prediction: **{first}**, then **{second}**."]
    if pair.same_question:
        scores = f"{pair.scores[0]:+.3f}, then {pair.scores[1]:+.3f} (change {pair.score_change:+.3f})"
        lines.append(f"Score of {escaped(pair.targets[0].text)}: {scores}.")
    else:
        one, other = (escaped(target.text) for target in pair.targets)
        lines.append(f"They explain different answers (*{one}* and *{other}*): give a target to compare scores.")
    return "\n".join(lines)


def _fillers(found: TemplateProbe) -> str:
    """Each filler's mean score and effect, with the interval where there is one."""
    lines = [found.note, "", "| filler | mean score | effect | 95 % interval |", "| --- | ---: | ---: | --- |"]
    for number, filler in enumerate(found.fillers):
        low, high = found.effect.low[number], found.effect.high[number]
        interval = "–" if low != low else f"{low:+.3f} to {high:+.3f}"
        score, effect = found.scores[:, number].mean(), found.effect.mean[number]
        lines.append(f"| {escaped(filler) or '(nothing)'} | {score:+.3f} | {effect:+.3f} | {interval} |")
    return "\n".join(lines)
