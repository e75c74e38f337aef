"""The tab that compares prompts: a table, aligned scores, minimal pairs, keywords, and templates that probe for bias."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from explain.interface.presets import PROMPT_EXAMPLES, PROMPT_METHODS
from explain.interface.serving import LIGHT, guarded
from explain.interface.streaming import Stream, Told
from explain.interface.tabs.form import Updates, Values
from explain.interface.tabs.options import OptionsForm
from explain.interface.tabs.prompt_views import PromptViews
from explain.interface.tabs.question import QuestionForm
from explain.interface.work.prompts import (
    has_slots,
    iter_comparison,
    iter_template,
    keywords_from,
    lines_from,
    prompts_from,
    track_keywords,
)
from explain.models.catalog import models_for
from explain.models.perturbation import Replacement
from explain.prompts import ProbedText, PromptComparison, TemplateProbe, read_csv
from explain.sharing.request import Request
from explain.types import Question

INTRO = (
    "Prompts side by side. `The {doctor|nurse} said that [MASK] …` fills the slot with each word and measures what it does "
    "to the score of the target."
)


class ComparePromptsTab:
    """Built in the current tab; what it asks takes the options that are set for the whole page."""

    name, title = "prompts", "Compare prompts"

    def __init__(self, options: OptionsForm) -> None:
        self._options = options
        first = PROMPT_EXAMPLES[0]
        with gr.Row(elem_classes="sides"):
            with gr.Column(scale=2, min_width=300, elem_classes="asking"):
                self._form = form = QuestionForm(
                    "prompts",
                    task=first.task,
                    text=first.text,
                    label="Prompts, one per line",
                    button="Compare",
                    examples=[example.point for example in PROMPT_EXAMPLES],
                    methods=PROMPT_METHODS,
                )
                form["target"].value = first.target
                form.asked.open = True
                form.add("keywords", gr.Textbox(first.keywords, label="Keywords", info="Words or phrases, separated by commas."))
                replacements = list(map(str, Replacement))
                form.add("replacement", gr.Radio(replacements, value=Replacement.AUTO.value, label="What takes a keyword's place"))
                kinds = [".csv", ".tsv"]
                label = "Or a CSV file: column text, and target and foil if wanted"
                self._file = gr.File(label=label, file_types=kinds, height=120, elem_id="prompts-file", interactive=True)
                self._read = gr.State(())
            with gr.Column(scale=5, min_width=300, elem_id="prompts-stage"):
                self._stream = Stream(form, idle="Press Compare.", failed="Not compared")
                gr.Markdown(INTRO, elem_classes="note")
                self._views = PromptViews()
        self._connect()

    def _connect(self) -> None:
        form = self._form
        asked = form.inputs | self._options.inputs | {self._read}
        self._stream.on([form["run"].click], self._compare, asked, self._views.components)
        self._stream.connect()
        self._views.connect(form["keywords"])
        self._file.upload(guarded(_read_file), self._file, [form["text"], self._read], **LIGHT)
        filled = [*form.fillable]
        form.on_example(self._example, {form["task"]}, filled)
        form["task"].input(guarded(form.for_task), form["task"], filled, **LIGHT)

    def _example(self, _: Values, number: int) -> Updates:
        example = PROMPT_EXAMPLES[number]
        question = Question(example.text, example.target or None, example.foil or None)
        request = Request(example.task, models_for(example.task)[0].name, question, PROMPT_METHODS)
        return {**self._form.filled(request), self._form["keywords"]: example.keywords}

    def _compare(self, values: Values) -> Iterator[Told]:
        given = self._form.read(values)
        prompts = prompts_from(given["text"], values[self._read])
        request = self._form.request(values, self._options, text=prompts[0].text)
        wanted = keywords_from(given["keywords"])
        comparison = PromptComparison(())
        for comparison in iter_comparison(request, prompts):
            yield Told(f"Compared {len(comparison)} of {len(prompts)} prompts")
        tracking, probe, said = None, None, f"Compared {len(comparison)} prompts"
        if wanted:
            tracking = track_keywords(request, comparison, wanted, Replacement(given["replacement"]))
            said += f", {len(wanted)} keywords"
        templates = lines_from(given["text"])
        if request.question.target is not None and all(map(has_slots, templates)):
            results: list[ProbedText] = []
            for results in iter_template(request, templates):
                yield Told(f"{said}, {len(results)} texts of the template")
            probe = TemplateProbe.of(results)
            said += " from templates"
        yield Told(said, self._views.show(comparison, request.methods, wanted, tracking, probe), done=True)


def _read_file(path: str) -> Any:
    prompts = read_csv(Path(path))
    return "\n".join(" ".join(prompt.text.split()) for prompt in prompts), prompts
