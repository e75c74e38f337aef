"""What the Dataset tab shows of a run: words, errors, cues, methods, heads, and the examples behind them."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from explain.dataset.findings import Concordance, Findings
from explain.dataset.findings.found import WordFinding
from explain.dataset.findings.where import Where
from explain.dataset.reader import Run
from explain.interface.serving import LIGHT, guarded
from explain.interface.tabs.form import Form, Updates, Values, choice, drawn, escaped, plot
from explain.interface.work.dataset import beside, in_context, remove, take_along
from explain.sharing.examples import Examples
from explain.visualization.attention import GROUP_TITLES
from explain.visualization.colors import AWAY, TOWARDS, legend
from explain.visualization.findings import (
    agreement_chart,
    cue_bars,
    error_bars,
    faithfulness_chart,
    head_chart,
    label_of,
    side_scatter,
    slice_chart,
    word_bars,
)

KEPT_SECONDS = 3600
WORDS = "Mean effect of each word over the rows in which it stands, with its 95 % interval: those that push towards the class on top."
ERRORS = (
    "Among rows of one label: how a word's effect differs between wrong and right answers, with Welch's 95 % interval. Effects are towards "
    "what was explained, which in wrong answers is another class where no target was given."
)
CUES = (
    "Words that push towards a class in rows of *other* labels too. Framed and called **spurious** are those that the labels do not bear "
    "out: where the model calls such a row the class, it is surer than right, more than in rows without the word."
)
METHODS = "How faithful each method is on these texts (where that was measured), how far they agree, and two of them side by side."
HEADS = "How far the explained score falls without each head, over all rows."
NONE = {
    "words": "**No word stands in enough rows.** Give more texts.",
    "errors": "**No word stands in enough wrong and in enough right answers to rows of this label.** Choose another, or give more texts.",
    "cues": "**No word surely pushes towards a class regardless of the label.**",
    "heads": "**Not known:** choose the method *Head ablation* too.",
}
"""What is said where there is nothing to draw."""
EXAMPLES = "The texts behind a number, the strongest effect first. *Open* explains a text in the first tab, in a window of its own."


@dataclass(frozen=True)
class Opened:
    """A run that is shown, and its findings."""

    folder: Path
    found: Findings
    minimum: int


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
                ("Words", WORDS, ("words", "keywords-plot")),
                ("Errors", ERRORS, ("errors",)),
                ("Cues", CUES, ("cues",)),
                ("Methods", METHODS, ("means", "agreement")),
                ("Heads", HEADS, ("heads",)),
            ):
                with gr.Tab(name, id=name.lower()):
                    self.add(f"{name.lower()}-note", gr.Markdown(note, elem_classes="note"))
                    for part in parts:
                        self.add(part, plot(name))
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
        chosen = {self[name] for name in ("opened", "by", "class", "other", "word")}
        drawings = [self[name] for name in ("keywords-plot", "word", "lines")]
        drawings += [self[part] for name in ("words", "errors", "cues") for part in (name, f"{name}-note")]
        gr.on([self["by"].input, self["class"].input], guarded(self._redrawn), chosen, drawings, **LIGHT)
        self["other"].input(guarded(self._beside), chosen, self["beside"], **LIGHT)
        self["word"].input(guarded(self._lines), chosen, self["lines"], **LIGHT)

    def show(self, opened: Opened, *, finished: bool) -> Updates:
        """All of a run's findings, as they are shown at first; files to take along when it is finished."""
        found = opened.found
        method = found.methods[0] if found.methods else None
        classes = list(dict.fromkeys([*found.targets, *(label for label, _ in found.answers if label is not None)]))
        others = [(label.title, label.name) for label in found.labels if label.name != method]
        chosen: Values = {
            self["opened"]: opened,
            self["by"]: method,
            self["class"]: classes[0] if classes else None,
            self["other"]: others[0][1] if others else None,
            self["word"]: None,
        }
        files = take_along(opened.folder, found) if finished else {}
        buttons = {self[kind]: gr.update(value=str(path), visible=True) for kind, path in files.items()}
        return {
            **chosen,
            self["about"]: _about(found),
            self["by"]: _choices([(label.title, label.name) for label in found.labels]),
            self["class"]: _choices([(name, name) for name in classes]),
            self["other"]: _choices(others),
            self["means"]: drawn(faithfulness_chart(found)),
            self["agreement"]: drawn(agreement_chart(found)),
            **self._drawn("heads", HEADS, _heads(found)),
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
            names = ("words", "keywords-plot", "errors", "cues")
            return {**{self[name]: drawn(None) for name in names}, self["word"]: _choices([]), self["lines"]: gr.update(visible=False)}
        found, method, named = opened.found, own["by"], own["class"]
        offered = _offered(found, method)
        word = offered[0][1] if offered else None
        return {
            **self._drawn("words", WORDS, word_bars(found, method, named)),
            self["keywords-plot"]: drawn(slice_chart(found, method, keywords=True)),
            **self._drawn("errors", ERRORS, error_bars(found, method, named)),
            **self._drawn("cues", CUES, cue_bars(found, method)),
            self["word"]: _choices(offered),
            self["lines"]: self._lines({**values, self["word"]: word}),
        }

    def _drawn(self, name: str, note: str, figure: Any) -> Updates:
        """A figure, or a sentence where there is none."""
        return {self[name]: drawn(figure), self[f"{name}-note"]: note if figure is not None else f"{note}\n\n{NONE[name]}"}

    def _beside(self, values: Values) -> Any:
        own = self.read(values)
        opened: Opened | None = own["opened"]
        if opened is None or own["other"] not in opened.found.methods or own["other"] == own["by"]:
            return drawn(None)
        return drawn(side_scatter(beside(opened.folder, own["by"], own["other"], minimum=opened.minimum)))

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
        return gr.update(value=_table(found, Examples(Run.open(opened.folder).manifest)), visible=True)


def _forget(opened: Opened | None) -> None:
    """Delete the run of a visitor who has left."""
    if opened is not None:
        remove(opened.folder)


def _choices(choices: list[tuple[str, Any]]) -> Any:
    return gr.update(choices=choices, value=choices[0][1] if choices else None, visible=bool(choices))


def _heads(found: Findings) -> Any:
    if found.heads is None:
        return None
    groups = list(found.heads.effect)
    figure = head_chart(found.heads, groups[-1])
    if figure is not None and len(groups) > 1:
        figure.update_layout(title={"text": GROUP_TITLES.get(groups[-1], groups[-1]), "font": {"size": 13}})
    return figure


def _offered(found: Findings, method: str) -> list[tuple[str, str]]:
    """The findings of a method whose examples can be chosen."""
    cues = [(f"{one.word} → {one.target}: {'spurious' if one.spurious else 'cue'}", f"cues {i}") for i, one in enumerate(found.cues)]
    words = [(f"{one.word} → {one.target}: {one.effect.mean:+.3g}", f"words {i}") for i, one in enumerate(found.words)]
    errors = [(f"{one.word}, wrong answers to {one.label}", f"errors {i}") for i, one in enumerate(found.errors)]
    by = {"cues": found.cues, "words": found.words, "errors": found.errors}
    spurious = [offer for offer, one in zip(cues, found.cues, strict=True) if one.spurious]
    others = [offer for offer in [*words, *errors, *cues] if offer not in spurious]
    return [offer for offer in [*spurious, *others] if by[offer[1].split()[0]][int(offer[1].split()[1])].method == method]


def _about(found: Findings) -> str:
    """Of what the findings are, in a few sentences."""
    labelled = {key: rows for key, rows in found.answers.items() if key[0] is not None}
    right = sum(rows for (label, said), rows in labelled.items() if label == said)
    said = [f"**{found.rows:,} rows**" + (f", {found.refused:,} refused" if found.refused else "")]
    if labelled:
        said.append(f"{right:,} of {sum(labelled.values()):,} answered as labelled")
    spurious = list(dict.fromkeys(f"*{escaped(one.word)}* for {escaped(one.target)}" for one in found.spurious))
    said.append(f"Spurious: {', '.join(spurious)}" if spurious else "No spurious cue")
    lines = [". ".join(said) + "."]
    if found.labels:
        lines.append(legend("the class", signed=label_of(found, found.methods[0]).signed))
    return "\n\n".join([" ".join(lines), *(escaped(note) for note in found.notes)])


def _table(found: Concordance, examples: Examples) -> str:
    """Keyword in context; each line opens its text in the first tab."""
    rows = []
    for line in found.lines:
        left, right = (html.escape(part) for part in line.context())
        color = TOWARDS if line.effect > 0 else AWAY
        link = examples.link(line)
        opening = f'<a href="{html.escape(link)}" target="_blank" rel="noopener">Open</a>' if link else ""
        wrong = line.label is not None and line.label != line.prediction
        said = html.escape(line.prediction) + (f" <b>(label {html.escape(line.label or '')})</b>" if wrong else "")
        rows.append(
            f'<tr><td dir="auto">{left}</td><th scope="row" translate="no" style="border-bottom: 3px solid {color} !important">'
            f'{html.escape(line.word)}</th><td dir="auto">{right}</td><td>{line.effect:+.3g}</td>'
            f"<td>{html.escape(line.target)}</td><td>{said}</td><td>{line.row}</td><td>{opening}</td></tr>"
        )
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("", "word", "", "effect", "on", "model", "row", ""))
    title = f"{found.word}: the {len(found.lines)} strongest of {found.total} occurrences"
    caption = f"<caption>{html.escape(title)}</caption>"
    return (
        f'<div class="numbers lines" role="region" aria-label="Examples" tabindex="0"><table>{caption}'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
