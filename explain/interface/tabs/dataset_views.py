"""What the Dataset tab shows of a run: words, errors, cues, methods, heads, and the examples behind them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from explain.dataset.findings import Findings
from explain.dataset.findings.found import WordFinding
from explain.dataset.findings.reading import labels_of_methods
from explain.dataset.findings.where import Where
from explain.dataset.reader import Run
from explain.interface.serving import LIGHT, guarded
from explain.interface.tabs.dataset_examples import lines_of, offered
from explain.interface.tabs.dataset_notes import CUES, ERRORS, EXAMPLES, HEADS, METHODS, NONE, SLICES, WORDS, about
from explain.interface.tabs.form import Form, Updates, Values, choice, drawn, plot
from explain.interface.work.dataset import beside, in_context, remove, take_along
from explain.sharing.examples import Examples
from explain.visualization.attention import GROUP_TITLES
from explain.visualization.findings import (
    agreement_chart,
    cue_bars,
    error_bars,
    faithfulness_chart,
    head_chart,
    side_scatter,
    slice_chart,
    word_bars,
)
from explain.visualization.findings_parts import differences_table

KEPT_SECONDS = 3600


@dataclass(frozen=True)
class Opened:
    """A run that is shown, its findings, and another run over the same data if there is one."""

    runs: tuple[Path, ...]
    found: Findings
    minimum: int

    @property
    def folder(self) -> Path:
        """Of the run that is shown."""
        return self.runs[0]

    def remove(self) -> None:
        """Delete its files."""
        remove(*self.runs)


class DatasetViews(Form):
    """Built in the current column."""

    def __init__(self) -> None:
        super().__init__("dataset")
        self.add("opened", gr.State(None, time_to_live=KEPT_SECONDS, delete_callback=_forget))
        self.add("about", gr.Markdown(elem_classes="note"))
        with gr.Row(elem_classes="display"):
            self.add("by", choice("Method", visible=False))
            self.add("class", choice("Class", visible=False))
        with gr.Tabs(elem_id="dataset-views"):
            for name, note, parts in (
                ("Words", WORDS, ("words",)),
                ("Errors", ERRORS, ("errors",)),
                ("Cues", CUES, ("cues",)),
                ("Slices", SLICES, ("keywords-plot", "slices-plot")),
                ("Methods", METHODS, ("means", "agreement")),
                ("Heads", HEADS, ("heads",)),
            ):
                with gr.Tab(name, id=name.lower()):
                    self.add(f"{name.lower()}-note", gr.Markdown(note, elem_classes="note"))
                    if name == "Slices":
                        self.add("quantity", choice("What is compared", visible=False))
                    if name == "Heads":
                        self.add("group", choice("Attention", visible=False))
                    for part in parts:
                        self.add(part, plot(name))
                    if name == "Slices":
                        self.add("differences", gr.HTML(visible=False, label="Differences between slices", elem_classes="numbers"))
                    if name == "Methods":
                        self.add("other", choice("Beside the method", visible=False))
                        self.add("beside", plot("Side by side"))
            with gr.Tab("Examples", id="examples"):
                gr.Markdown(EXAMPLES, elem_classes="note")
                self.add("word", choice("Finding, or any word", visible=False))
                self.add("lines", gr.HTML(visible=False, label="Examples"))
        with gr.Row():
            self.add("zip", gr.DownloadButton("Run with its tables (ZIP)", size="sm", visible=False))
            self.add("html", gr.DownloadButton("Report (HTML)", size="sm", visible=False))

    def connect(self) -> None:
        """Redraw when a choice changes."""
        chosen = {self[name] for name in ("opened", "by", "class", "other", "word", "quantity", "group")}
        drawings = [self[name] for name in ("keywords-plot", "slices-plot", "word", "lines")]
        drawings += [self[part] for name in ("words", "errors", "cues") for part in (name, f"{name}-note")]
        gr.on([self["by"].input, self["class"].input], guarded(self._redrawn), chosen, drawings, **LIGHT)
        self["other"].input(guarded(self._beside), chosen, self["beside"], **LIGHT)
        self["quantity"].input(guarded(self._slices), chosen, [self["keywords-plot"], self["slices-plot"]], **LIGHT)
        self["group"].input(guarded(self._heads), chosen, [self["heads"], self["heads-note"]], **LIGHT)
        self["word"].input(guarded(self._lines), chosen, self["lines"], **LIGHT)

    def show(self, opened: Opened, *, finished: bool) -> Updates:
        """All of a run's findings, as they are shown at first; files to take along when it is finished."""
        found = opened.found
        method = found.methods[0] if found.methods else None
        classes = list(dict.fromkeys([*found.targets, *(label for label, _ in found.answers if label is not None)]))
        others = _others(opened, method)
        quantities = [("effect by the method", ""), ("explained score", "output"), ("share of right answers", "right")]
        groups = [(GROUP_TITLES.get(name, name), name) for name in (found.heads.effect if found.heads else ())]
        chosen: Values = {
            self["opened"]: opened,
            self["by"]: method,
            self["class"]: classes[0] if classes else None,
            self["other"]: others[0][1] if others else None,
            self["word"]: None,
            self["quantity"]: "",
            self["group"]: groups[0][1] if groups else None,
        }
        files = take_along(opened.folder, found) if finished else {}
        buttons = {self[kind]: gr.update(value=str(path), visible=True) for kind, path in files.items()}
        return {
            **chosen,
            self["about"]: about(found),
            self["by"]: _choices([(label.title, label.name) for label in found.labels]),
            self["class"]: _choices([(name, name) for name in classes]),
            self["other"]: _choices(others),
            self["means"]: drawn(faithfulness_chart(found)),
            self["agreement"]: drawn(agreement_chart(found)),
            self["quantity"]: _choices(quantities if found.keywords or found.slices else []),
            self["differences"]: gr.update(
                value=f'<div class="numbers">{"".join(differences_table(found))}</div>', visible=bool(found.differences)
            ),
            self["slices-note"]: SLICES if found.keywords or found.slices else f"{SLICES}\n\n{NONE['slices']}",
            self["group"]: gr.update(choices=groups, value=chosen[self["group"]], visible=len(groups) > 1),
            **self._heads(chosen),
            **self._redrawn(chosen),
            self["beside"]: self._beside(chosen) if finished and others else drawn(None),
            **{self[kind]: gr.update(visible=False) for kind in ("zip", "html")},
            **buttons,
        }

    def _redrawn(self, values: Values) -> Updates:
        """What depends on method and class."""
        own = self.read(values)
        opened: Opened | None = own["opened"]
        if opened is None or own["by"] not in opened.found.methods:
            names = ("words", "keywords-plot", "slices-plot", "errors", "cues")
            return {**{self[name]: drawn(None) for name in names}, self["word"]: _choices([]), self["lines"]: gr.update(visible=False)}
        found, method, named = opened.found, own["by"], own["class"]
        examples = offered(found, method)
        word = examples[0][1] if examples else None
        return {
            **self._drawn("words", WORDS, word_bars(found, method, named)),
            **self._slices(values),
            **self._drawn("errors", ERRORS, error_bars(found, method, named)),
            **self._drawn("cues", CUES, cue_bars(found, method)),
            self["word"]: _choices(examples),
            self["lines"]: self._lines({**values, self["word"]: word}),
        }

    def _drawn(self, name: str, note: str, figure: Any) -> Updates:
        """A figure, or a sentence where there is none."""
        return {self[name]: drawn(figure), self[f"{name}-note"]: note if figure is not None else f"{note}\n\n{NONE[name]}"}

    def _slices(self, values: Values) -> Updates:
        """A quantity of the keywords and of the slices."""
        own = self.read(values)
        opened: Opened | None = own["opened"]
        quantity = own["quantity"] or own["by"]
        charts = {"keywords-plot": True, "slices-plot": False}
        return {
            self[name]: drawn(None if opened is None else slice_chart(opened.found, quantity, keywords=keywords))
            for name, keywords in charts.items()
        }

    def _heads(self, values: Values) -> Updates:
        own = self.read(values)
        opened: Opened | None = own["opened"]
        heads = None if opened is None else opened.found.heads
        known = heads is not None and own["group"] in heads.effect
        return self._drawn("heads", HEADS, head_chart(heads, own["group"]) if known else None)

    def _beside(self, values: Values) -> Any:
        own = self.read(values)
        opened: Opened | None = own["opened"]
        if opened is None or own["other"] not in [name for _, name in _others(opened, own["by"])]:
            return drawn(None)
        return drawn(side_scatter(beside(opened.runs, own["by"], own["other"], minimum=opened.minimum)))

    def _lines(self, values: Values) -> Any:
        """The examples of a finding, or of a word that was typed."""
        own = self.read(values)
        opened: Opened | None = own["opened"]
        if opened is None or not own["word"]:
            return gr.update(visible=False)
        kind, _, number = str(own["word"]).partition(" ")
        listed = getattr(opened.found, kind) if kind in ("words", "errors", "cues") and number.isdigit() else ()
        one: WordFinding | None = listed[int(number)] if number.isdigit() and int(number) < len(listed) else None
        word, method, where = (own["word"], own["by"], Where()) if one is None else (one.word, one.method, one.where)
        found = in_context(opened.folder, word, method, where)
        return gr.update(value=lines_of(found, Examples(Run.open(opened.folder).manifest)), visible=True)


def _forget(opened: Opened | None) -> None:
    """Delete the run of a visitor who has left."""
    if opened is not None:
        opened.remove()


def _choices(choices: list[tuple[str, Any]]) -> Any:
    return gr.update(choices=choices, value=choices[0][1] if choices else None, visible=bool(choices))


def _others(opened: Opened, method: str | None) -> list[tuple[str, str]]:
    """The methods that one of the run can be seen beside: those of the other run, or the others of this."""
    if len(opened.runs) == 1:
        return [(label.title, label.name) for label in opened.found.labels if label.name != method]
    labels = labels_of_methods(Run.open(opened.runs[1]))
    first = sorted(labels, key=lambda label: label.name != method)
    return [(f"{label.title} (other run)", label.name) for label in first]
