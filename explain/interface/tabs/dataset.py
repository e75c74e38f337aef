"""The tab for many texts at once: runs a small data set, or opens a run, and shows what it found."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import gradio as gr

from explain.dataset.reader import Run
from explain.errors import InputError
from explain.interface.presets import DATASET_METHODS, DATASET_TEXTS, FIRST_TASK
from explain.interface.serving import LIGHT, guarded
from explain.interface.streaming import Stream, Told
from explain.interface.tabs.dataset_views import DatasetViews, Opened
from explain.interface.tabs.form import Form, Updates, Values
from explain.interface.tabs.options import OptionsForm
from explain.interface.work.dataset import RUN_FILES, Look, Rows, iter_run, open_runs, remove, rows_from, rows_of_file
from explain.interface.work.files import new_folder
from explain.interface.work.prompts import keywords_from, lines_from
from explain.methods.catalog import METHODS
from explain.models.catalog import models_for
from explain.models.tasks import TASKS
from explain.sharing.request import Request
from explain.types import Question

INTRO = (
    "Many texts explained, one finding: which words drive a class, what drives the errors, which cues are spurious. For large data use "
    "`python -m explain dataset`, and open its run here."
)
FIRST_LOOK = 64
"""Rows after which findings are shown while the rest is explained, and again whenever there are twice as many."""


class DatasetTab:
    """Built in the current tab; what it asks takes the options that are set for the whole page."""

    name, title = "dataset", "Dataset"

    def __init__(self, options: OptionsForm) -> None:
        self._options = options
        with gr.Row(elem_classes="sides"):
            with gr.Column(scale=2, min_width=300, elem_classes="asking"):
                self._form = form = Form("dataset")
                label, info = "Texts, one per line", "With the right answer after a tab, if it is known."
                form.add("text", gr.Textbox("\n".join(DATASET_TEXTS), label=label, info=info, lines=5, max_lines=8))
                said = "Or a file (CSV, TSV, JSONL), a run (ZIP), or two"
                kinds = [".csv", ".tsv", ".json", ".jsonl", ".parquet", ".zip"]
                form.add("file", gr.File(label=said, file_types=kinds, file_count="multiple", height=130, type="filepath"))
                with gr.Row(elem_classes="actions"):
                    form.add("run", gr.Button("Explain all", variant="primary"))
                    form.add("stop", gr.Button("Stop", visible=False))
                with gr.Accordion("Columns of the file, keywords, slices", open=False):
                    form.add("columns", gr.Textbox("", label="Columns", info="That of the texts, and after a comma that of the labels."))
                    form.add("keywords", gr.Textbox("", label="Keywords", info="Words or phrases, separated by commas."))
                    said = "Rows to compare, one kind per line: women=she,her or early=/^In/ or good=label:positive."
                    form.add("slices", gr.Textbox("", label="Slices", info=said, lines=2, max_lines=4))
                    form.add("minimum", gr.Number(3, precision=0, minimum=2, label="Rows in which a word must stand"))
                tasks = [(task.title, name) for name, task in TASKS.items()]
                form.add("task", gr.Dropdown(tasks, value=FIRST_TASK, label="What is asked"))
                names = _models(FIRST_TASK)
                form.add(
                    "model",
                    gr.Dropdown(names, value=names[0], label="Model", info="Bundled, a Hub id, or a folder.", allow_custom_value=True),
                )
                form.add("target", gr.Textbox("", label="Target", info="Explained in every row. Empty: the model's own prediction."))
                methods = [(method.title, name) for name, method in METHODS.items()]
                form.add("methods", gr.Dropdown(methods, value=list(DATASET_METHODS), multiselect=True, label="Methods"))
                form.add("faithfulness", gr.Checkbox(False, label="Measure faithfulness too (some 100 passes a row)", container=False))
            with gr.Column(scale=5, min_width=300, elem_id="dataset-stage"):
                self._stream = Stream(form, idle="Press Explain all.", failed="Not explained")
                gr.Markdown(INTRO, elem_classes="note")
                self._views = DatasetViews()
        self._connect()

    def _connect(self) -> None:
        form, views = self._form, self._views
        asked = form.inputs | self._options.inputs | {views["opened"]}
        self._stream.on([form["run"].click], self._work, asked, views.components)
        self._stream.connect()
        views.connect()
        form["task"].input(guarded(self._for_task), form["task"], [form["model"]], **LIGHT)

    def _for_task(self, task: str) -> Updates:
        names = _models(task)
        return {self._form["model"]: gr.update(choices=names, value=names[0])}

    def _work(self, values: Values) -> Iterator[Told]:
        given = self._form.read(values)
        before: Opened | None = values[self._views["opened"]]
        paths = [Path(path) for path in given["file"] or ()]
        look = Look(int(given["minimum"] or 3), keywords_from(given["keywords"]), lines_from(given["slices"]))
        if paths and (len(paths) > 1 or paths[0].suffix in RUN_FILES):
            told = self._opened(paths, look)
        else:
            told = yield from self._explained(values, paths, look)
        if before is not None:
            before.remove()
        yield told

    def _opened(self, paths: list[Path], look: Look) -> Told:
        runs = open_runs(paths)
        try:
            opened = Opened(runs, look.at(runs[0]), look.minimum)
            beside = f", {len(Run.open(runs[1])):,} of another run beside them" if len(runs) > 1 else ""
            return Told(f"Opened {opened.found.rows:,} rows{beside}", self._views.show(opened, finished=True), done=True)
        except BaseException:
            remove(*runs)
            raise

    def _explained(self, values: Values, paths: list[Path], look: Look) -> Generator[Told, None, Told]:
        given = self._form.read(values)
        rows: Rows
        if paths:
            text_column, _, label_column = (part.strip() for part in given["columns"].partition(","))
            rows = rows_of_file(paths[0], text_column, label_column)
        else:
            rows = rows_from(given["text"])
        methods = tuple(name for name in METHODS if name in given["methods"])
        if not methods:
            raise InputError("There is no method. Choose at least one.")
        first = next((row["text"] for row in rows if isinstance(row["text"], str)), "")
        question = Question(first, target=given["target"] or None)
        request = Request(given["task"], given["model"] or "", question, methods, self._options.read(values, methods))
        folder, due, shown = new_folder(), FIRST_LOOK, False
        try:
            for done in iter_run(request, rows, folder, faithfulness=given["faithfulness"]):
                said = f"Explained {done:,} of {len(rows):,} rows"
                if due <= done < len(rows):
                    due, shown = 2 * due, True
                    yield Told(said, self._views.show(Opened((folder,), look.at(folder), look.minimum), finished=False))
                elif done < len(rows):
                    yield Told(said)
            opened = Opened((folder,), look.at(folder), look.minimum)
            updates = self._views.show(opened, finished=True)
        except BaseException:
            if not shown:  # else what was done is looked at
                remove(folder)
            raise
        return Told(f"Explained {opened.found.rows:,} rows", updates, done=True)


def _models(task: str) -> list[str]:
    return [entry.name for entry in models_for(task)] or [""]
