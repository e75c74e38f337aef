"""The tab that compares prompts: a table, aligned scores, minimal pairs, keywords, and templates that probe for bias."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from explain.errors import InputError
from explain.interface import views
from explain.interface.presets import PROMPT_EXAMPLES, PROMPT_METHODS
from explain.interface.serving import LIGHT, guarded
from explain.interface.streaming import Stream, Told, Updates
from explain.interface.tabs.options import OptionWidgets
from explain.interface.work.prompting import compared, has_slots, keywords_of, probed, prompts_of, tracked
from explain.methods.catalog import method_class
from explain.models.catalog import models_for
from explain.models.perturbation import Replacement
from explain.models.tasks import TASKS
from explain.prompts.comparison import PromptComparison
from explain.prompts.minimal_pair import minimal_pair
from explain.prompts.reading import read_csv
from explain.prompts.templates import Probe, Probed, summarise
from explain.sharing.request import Request
from explain.visualization.outlined import outlined
from explain.visualization.prompts import QUANTITIES, aligned_heatmap, filler_chart, keyword_chart, keyword_tokens, pair_bars, shortened

INTRO = (
    "Two to fifty prompts side by side. `The {doctor|nurse} said that [MASK] …` fills the slot with each word and measures what it does "
    "to the score of the target."
)
ORDERS = [("as given", ""), ("score, highest first", "score"), ("probability of the target, highest first", "probability")]


class PromptsTab:
    """Built inside the current Blocks; `connect` wires its events when everything else exists."""

    def __init__(self) -> None:
        with gr.Tab("Compare prompts", id="prompts", elem_id="tab-prompts"):
            gr.Markdown(INTRO)
            with gr.Row(elem_classes="sides"):
                with gr.Column(scale=2, min_width=300):
                    self._build_question()
                with gr.Column(scale=3, min_width=300):
                    self._state = gr.State(None)
                    self._request = gr.State(None)
                    self._stream = Stream("prompts", self._stop, "Not compared")
                    with gr.Tabs(elem_id="prompts-views", selected="table") as self._views:
                        self._build_table()
                        self._build_pair()
                        self._build_keywords()
                        self._build_fillers()

    def _build_question(self) -> None:
        first = PROMPT_EXAMPLES[0]
        self._file_prompts = gr.State(())
        self._text = gr.Textbox(first.text, label="Prompts, one per line", lines=5, max_lines=20, elem_id="prompts-text")
        with gr.Row(elem_classes="chips"):
            self._chips = [gr.Button(example.point, size="sm", elem_classes="chip") for example in PROMPT_EXAMPLES]
        with gr.Row():
            self._compare = gr.Button("Compare", variant="primary", elem_id="prompts-run")
            self._stop = gr.Button("Stop", visible=False, elem_id="prompts-stop")
        self._file = gr.File(
            label="or a CSV file: column text, and target and foil if wanted",
            file_types=[".csv", ".tsv"],
            height=160,
            elem_id="prompts-file",
        )
        self._task = gr.Dropdown(
            [(task.title, name) for name, task in TASKS.items()], value=first.task, label="Task", elem_id="prompts-task"
        )
        names = [entry.name for entry in models_for(first.task)]
        self._model = gr.Dropdown(names, value=names[0], label="Model", allow_custom_value=True, elem_id="prompts-model")
        self._methods = gr.CheckboxGroup(views.method_choices(), value=list(PROMPT_METHODS), label="Methods", elem_id="prompts-methods")
        with gr.Row():
            self._target = gr.Textbox(first.target, label="Target", info="Empty: each prompt's own prediction.", elem_id="prompts-target")
            self._foil = gr.Textbox(first.foil, label="rather than", info="Empty: no contrast.", elem_id="prompts-foil")
        self._keywords = gr.Textbox(
            first.keywords, label="Keywords", info="Words or phrases, separated by commas.", elem_id="prompts-keywords"
        )
        self._replacement = gr.Radio(
            [option.value for option in Replacement], value=Replacement.AUTO.value, label="What takes a keyword's place"
        )

    def _build_table(self) -> None:
        with gr.Tab("Prompts", id="table"):
            with gr.Row():
                self._order = gr.Dropdown(ORDERS, value="", label="Order", elem_id="prompts-order")
                self._containing = gr.Textbox("", label="Only prompts with the word", elem_id="prompts-containing")
            self._table = gr.Dataframe(label="Predictions", interactive=False, wrap=True, visible=False, elem_id="prompts-table")
            self._method = gr.Radio(_titles(PROMPT_METHODS), value=PROMPT_METHODS[-1], label="Method", elem_id="prompts-method")
            self._heatmap = _plot("Aligned prompts", "heatmap")
            self._lines = gr.HTML(visible=False, elem_id="prompts-lines", label="Prompts with keywords outlined")

    def _build_pair(self) -> None:
        with gr.Tab("Minimal pair", id="pair"):
            with gr.Row():
                self._one = gr.Dropdown([], label="First prompt", elem_id="prompts-one")
                self._other = gr.Dropdown([], label="Second prompt", elem_id="prompts-other")
            self._change = gr.Markdown(elem_id="prompts-change")
            self._bars = _plot("Change of the scores", "bars")

    def _build_keywords(self) -> None:
        with gr.Tab("Keywords", id="keywords") as self._keyword_tab:
            gr.Markdown(
                "Share of all absolute scores, summed score and rank of each keyword by every method, and what the score loses when the "
                "keyword alone is taken away.",
                elem_classes="note",
            )
            self._tracking = gr.State(None)
            with gr.Row():
                self._keyword = gr.Dropdown([], label="Keyword", elem_id="prompts-keyword")
                self._quantity = gr.Radio(list(QUANTITIES), value="share", label="Quantity", elem_id="prompts-quantity")
            self._keyword_plot = _plot("Keyword over prompts", "keyword-plot")

    def _build_fillers(self) -> None:
        with gr.Tab("Template", id="fillers") as self._filler_tab:
            self._probe = gr.State(None)
            gr.Markdown(
                "Mean effect of each filler on the score of the target, against the mean of all fillers in the same sentence. Several "
                "templates with the same slot give intervals. A difference shows what this model does, not what is true of people.",
                elem_classes="note",
            )
            self._filler_plot = _plot("Effect of the fillers", "fillers")
            self._filler_note = gr.Markdown(elem_id="prompts-filler-note")

    def connect(self, options: OptionWidgets) -> None:
        """Wire the events; called when all widgets exist."""
        asked = [self._text, self._file_prompts, self._task, self._model, self._methods, self._target, self._foil, self._keywords]
        asked += [self._replacement, *options.components]
        shown = [self._state, self._request, self._table, self._method, self._heatmap, self._lines, self._one, self._other, self._change]
        shown += [
            self._bars,
            self._tracking,
            self._keyword,
            self._keyword_plot,
            self._probe,
            self._filler_plot,
            self._filler_note,
            self._views,
        ]
        self._stream.on(self._compare.click, lambda *values: self._run(options, *values), asked, shown)
        self._stream.connect()
        gr.on(
            [self._order.input, self._containing.submit, self._method.input],
            guarded(self._drawn),
            [self._state, self._method, self._order, self._containing, self._keywords],
            [self._table, self._heatmap, self._lines],
            **LIGHT,
        )
        gr.on(
            [self._one.input, self._other.input, self._method.input],
            guarded(_draw_pair),
            [self._state, self._one, self._other, self._method],
            [self._change, self._bars],
            **LIGHT,
        )
        self._filler_tab.select(guarded(_draw_fillers), self._probe, self._filler_plot, **LIGHT)
        for event in (self._keyword.input, self._quantity.input, self._keyword_tab.select):
            event(guarded(_draw_keyword), [self._tracking, self._keyword, self._quantity], self._keyword_plot, **LIGHT)
        self._file.upload(guarded(_read_file), self._file, [self._text, self._file_prompts], **LIGHT)
        filled = [self._text, self._task, self._model, self._target, self._foil, self._keywords]
        for chip, example in zip(self._chips, PROMPT_EXAMPLES, strict=True):
            names = [entry.name for entry in models_for(example.task)]
            model = gr.update(choices=names, value=names[0])
            values = (example.text, example.task, model, example.target, example.foil, example.keywords)
            chip.click(lambda values=values: values, None, filled, **LIGHT)
        self._task.input(guarded(_models), self._task, self._model, **LIGHT)

    def _run(
        self,
        options: OptionWidgets,
        text: str,
        read: Any,
        task: str,
        model: str | None,
        methods: list[str],
        target: str,
        foil: str,
        keywords: str,
        replacement: str,
        *chosen: Any,
    ) -> Iterator[Told]:
        prompts = prompts_of(text, read)
        request = Request(task, prompts[0].text, model or "", methods, target or None, foil or None, options=options.read(chosen, methods))
        wanted = keywords_of(keywords)
        method = methods[-1] if methods else ""
        updates: Updates = {self._request: request, self._method: gr.update(choices=_titles(methods), value=method)}
        comparison = PromptComparison(())
        for comparison in compared(request, prompts):
            yield Told(f"{len(comparison)} of {len(prompts)} prompts", updates)
            updates = {}
        names = [(f"{number}. {shortened(e.text)}", number - 1) for number, e in enumerate(comparison, 1)]
        change, bars = _draw_pair(comparison, 0, 1, method)
        updates = {
            self._state: comparison,
            **self._drawn(comparison, method, "", "", keywords),
            self._one: gr.update(choices=names, value=0),
            self._other: gr.update(choices=names, value=1),
            self._change: change,
            self._bars: bars,
        }
        updates |= {self._tracking: None, self._keyword_plot: gr.update(visible=False)}
        updates |= {self._probe: None, self._filler_plot: gr.update(visible=False), self._filler_note: ""}
        said = f"{len(comparison)} prompts"
        if wanted:
            tracking = tracked(request, comparison, wanted, Replacement(replacement))
            said += f", {len(wanted)} keywords"
            updates[self._tracking] = tracking
            updates[self._keyword] = gr.update(choices=wanted, value=wanted[0])
            updates[self._keyword_plot] = _draw_keyword(tracking, wanted[0], "share")
        if target and all(has_slots(line) for line in text.splitlines() if line.strip()):
            yield Told(said, updates)
            updates, results = {}, list[Probed]()
            for results in probed(request, text):
                yield Told(f"{len(results)} texts of the template", {})
            found = summarise(results, target=target)
            said += " from templates"
            updates[self._probe] = found
            updates[self._filler_plot] = _draw_fillers(found)
            updates[self._filler_note] = views.filler_table(found)
        yield Told(said, updates, done=True)

    def _drawn(self, comparison: PromptComparison | None, method: str, order: str, containing: str, keywords: str) -> Updates:
        """Table, aligned heatmap and lines of the prompts that are to be shown, in the order asked for."""
        if comparison is None:
            return {self._table: gr.skip()}
        kept = comparison.filter(containing=containing.strip()) if containing.strip() else comparison
        kept = kept.sort(order) if order else kept
        if not len(kept):
            raise InputError(f"No prompt contains {containing.strip()!r}.")
        wanted = keywords_of(keywords)
        lines = [outlined(e, method, keyword_tokens(e, wanted)) for e in kept]
        return {
            self._table: _table(kept),
            self._heatmap: gr.update(value=aligned_heatmap(kept, method), visible=True),
            self._lines: gr.update(value="".join(lines), visible=True),
        }


def _table(comparison: PromptComparison) -> Any:
    table = comparison.table().round(4).drop(columns=["foil", "unit"])
    return gr.update(value=table, column_widths=["240px", *["120px"] * (table.shape[1] - 1)], visible=True)


def _draw_pair(comparison: PromptComparison | None, one: int | None, other: int | None, method: str) -> Any:
    if comparison is None or one is None or other is None:
        return "", gr.update(visible=False)
    first, second = comparison.explanations[one], comparison.explanations[other]
    pair = minimal_pair(first, second)
    if not pair.same_question and method_class(method).signed:
        return views.pair_summary(pair), gr.update(visible=False)
    return views.pair_summary(pair), gr.update(value=pair_bars(pair, method), visible=True)


def _draw_keyword(tracking: Any, keyword: str | None, quantity: str) -> Any:
    if tracking is None or keyword is None:
        return gr.update(visible=False)
    return gr.update(value=keyword_chart(tracking, keyword, quantity), visible=True)


def _draw_fillers(found: Probe | None) -> Any:
    return gr.update(visible=False) if found is None else gr.update(value=filler_chart(found), visible=True)


def _read_file(path: str) -> Any:
    prompts = read_csv(Path(path))
    return "\n".join(" ".join(prompt.text.split()) for prompt in prompts), prompts


def _models(task: str) -> Any:
    names = [entry.name for entry in models_for(task)]
    return gr.update(choices=names, value=names[0])


def _titles(methods: Any) -> list[tuple[str, str]]:
    return [(method_class(name).title, name) for name in methods]


def _plot(label: str, name: str) -> gr.Plot:
    return gr.Plot(label=label, show_label=False, elem_id=f"prompts-{name}", elem_classes="plot", visible=False)
