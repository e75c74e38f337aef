"""The numbers of the tokens: as a table, as a heatmap, as bars, and for a sequence its outputs against its inputs."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from explain.interface.tabs.answer import Seen
from explain.interface.tabs.form import Updates, Values, choice, drawn
from explain.interface.tabs.view import View
from explain.visualization.bars import methods_bars
from explain.visualization.colors import color_of, ink_of
from explain.visualization.heatmaps import methods_heatmap, outputs_heatmap

NUMBERS, HEATMAP, BARS, OUTPUTS = "numbers", "heatmap", "bars", "outputs x inputs"


ONE_ANSWER = "There is one answer, so there are no outputs to set against the inputs: these are the numbers."


class TokensView(View):
    """Also holds the display choices, which recompute nothing."""

    name, title = "tokens", "Tokens"

    def build(self) -> None:
        with gr.Row(elem_classes="display"):
            self.add("view", gr.Radio([NUMBERS, HEATMAP, BARS, OUTPUTS], value=NUMBERS, label="Shown as", elem_classes="pills"))
            self.add("method", choice("Method", visible=False))
        self.add("table", gr.HTML())
        self.add("plot", gr.Plot(label="Methods x tokens", show_label=False, elem_classes="plot", visible=False))

    @property
    def changes(self) -> list[Any]:
        return [self["view"].input, self["method"].input]

    def draw(self, seen: Seen, values: Values) -> Updates:
        own = self.read(values)
        explanation, whole = seen.explanation, seen.answer.explanation
        several = bool(whole.outputs)
        view = own["view"] if several or own["view"] != OUTPUTS else NUMBERS
        methods = [(a.title, a.method) for a in whole if a.step_scores is not None]
        method = own["method"] if own["method"] in [name for _, name in methods] else next((name for _, name in methods), None)
        updates: Updates = {
            self.note: "" if view == own["view"] else ONE_ANSWER,
            self["method"]: gr.update(choices=methods, value=method, visible=view == OUTPUTS),
            self["table"]: "",
        }
        figure = None
        shown: dict[str, Any] = {"words": seen.words, "special": seen.special, "marked": seen.marked, "part": seen.part}
        if not explanation.attributions:
            return {**updates, self["plot"]: drawn(None)}
        if view == HEATMAP:
            figure = methods_heatmap(
                explanation, words=seen.words, special=seen.special, scale=seen.scale, marked=seen.marked, part=seen.part
            )
        elif view == BARS:
            figure = methods_bars(explanation, **shown)
        elif view == OUTPUTS and method is not None:
            figure = outputs_heatmap(whole, method, special=seen.special, marked=seen.marked)
        else:
            updates[self["table"]] = numbers(seen)
        return {**updates, self["plot"]: drawn(figure)}


def numbers(seen: Seen) -> str:
    """The shown tokens x methods as a table in the colours of the rows."""
    explanation, columns = seen.explanation, seen.columns
    scores = [columns.scores(a.scores) for a in explanation]
    limits = [float(abs(values).max(initial=0)) for values in scores]
    heads = "".join(f"<th scope='col'>{escape(a.title)}</th>" for a in explanation)
    rows = []
    for number, group in list(enumerate(columns.groups))[seen.part]:
        cells = []
        for attribution, values, limit in zip(explanation, scores, limits, strict=True):
            score = float(values[number])
            ground, ink = (paint(score, limit, signed=attribution.signed) for paint in (color_of, ink_of))
            cells.append(f"<td style='background:{ground};color:{ink}'>{score:+.4f}</td>")
        chosen = " class='chosen'" if seen.marked in group.indices else ""
        rows.append(f"<tr{chosen} data-column='{number}'><th scope='row'>{escape(group.text)}</th>{''.join(cells)}</tr>")
    return (
        "<div class='numbers' tabindex='0' role='region' aria-label='Scores of every token'><table><thead><tr><th scope='col'>token</th>"
        f"{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
