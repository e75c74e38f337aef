"""The tab that tells which explanation to believe: agreement, faithfulness, randomisation, known evidence."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import gradio as gr
import plotly.graph_objects as go

from explain.evaluation.agreement import Measure
from explain.evaluation.faithfulness import Faithfulness
from explain.evaluation.ground_truth import scorecard
from explain.evaluation.ranking import Race, race
from explain.interface import views
from explain.interface.presets import COMPARE_METHODS, COMPARE_TEXTS, PRESETS, UNIT_LABELS
from explain.interface.serving import LIGHT, guarded
from explain.interface.streaming import Stream, Told, Work
from explain.interface.tabs.options import OptionWidgets
from explain.interface.work.evaluating import Compared, RaceOptions, agreed, compared, examined, randomised, read_texts
from explain.methods.catalog import method_class
from explain.models.catalog import models_for
from explain.models.perturbation import Granularity, Replacement
from explain.models.tasks import TASKS
from explain.sharing.request import Request
from explain.visualization.agreement import MEASURE_TITLES, agreement_heatmap
from explain.visualization.curves import DELETION, INSERTION, faithfulness_curves, race_curves, randomisation_chart
from explain.visualization.intervals import interval_chart

INTRO = "All methods on one text or on many: where do they agree, and which are faithful to the model?"
AGREEMENT = (
    "How alike the methods rank the tokens; lines part internal from external methods. **Agreement is not quality**: two methods may "
    "agree and both be wrong (Neely et al. 2021; Krishna et al. 2022). Methods without a sign are compared by absolute scores."
)
FAITHFULNESS = (
    "Words are taken away (deletion) or brought back (insertion), the most important first. A faithful method's deletion curve falls early "
    "and its insertion curve rises early. **0** is what random orders reach and **1** the best order found, by construction."
)
RANDOMISATION = (
    "The weights of a copy of the model are shuffled from the head down. Scores that stay like the original ones do not explain what the "
    "model has learnt (Adebayo et al. 2018). The first text is used."
)
EVIDENCE = (
    "Sentences of ours in which one word is known to decide: the subject of a verb, with nouns of the other number between, or a planted "
    "word of feeling. Only pairs that the model answers rightly count. They do not depend on your text."
)
Entry = TypeVar("Entry")


class CompareTab:
    """Built inside the current Blocks; `connect` wires its events when everything else exists."""

    def __init__(self) -> None:
        with gr.Tab("Compare methods", id="compare", elem_id="tab-compare"):
            gr.Markdown(INTRO)
            with gr.Row(elem_classes="sides"):
                with gr.Column(scale=2, min_width=300):
                    self._build_question()
                with gr.Column(scale=3, min_width=300):
                    self._state = gr.State(None)
                    self._stream = Stream("compare", self._stop, "Not compared")
                    with gr.Tabs(elem_id="compare-views"):
                        self._build_agreement()
                        self._build_faithfulness()
                        self._build_checks()

    def _build_question(self) -> None:
        first = models_for("classification")
        self._task = gr.Dropdown(
            [(task.title, name) for name, task in TASKS.items()], value="classification", label="Task", elem_id="compare-task"
        )
        self._text = gr.Textbox(
            COMPARE_TEXTS["classification"],
            label="Texts, one per line",
            info="One text, or up to 50 for means with intervals.",
            lines=5,
            max_lines=20,
            elem_id="compare-text",
        )
        with gr.Row():
            self._compare = gr.Button("Compare", variant="primary", elem_id="compare-run")
            self._stop = gr.Button("Stop", visible=False, elem_id="compare-stop")
        self._model = gr.Dropdown(
            [entry.name for entry in first],
            value=first[0].name,
            label="Model",
            allow_custom_value=True,
            elem_id="compare-model",
        )
        self._methods = gr.CheckboxGroup(views.method_choices(), value=list(COMPARE_METHODS), label="Methods", elem_id="compare-methods")
        with gr.Accordion("Target, contrast and how words are taken away", open=False):
            self._target = gr.Textbox("", label="Target", info="Empty: the model's own prediction for each text.", elem_id="compare-target")
            self._foil = gr.Textbox("", label="rather than", info="Empty: no contrast.", elem_id="compare-foil")
            self._unit = gr.Radio(
                [("the task's default", ""), *((label, unit) for unit, label in UNIT_LABELS.items())],
                value="",
                label="Unit of the score",
                elem_id="compare-unit",
            )
            self._replacement = gr.Radio(
                [option.value for option in Replacement], value=Replacement.AUTO.value, label="What takes a word's place"
            )
            self._players = gr.Radio([option.value for option in Granularity], value=Granularity.WORDS.value, label="Taken away together")
            self._seed = gr.Number(0, precision=0, minimum=0, label="Seed")

    def _build_agreement(self) -> None:
        with gr.Tab("Agreement", id="agreement"):
            gr.Markdown(AGREEMENT, elem_classes="note")
            measures = [(title, measure.value) for measure, title in MEASURE_TITLES.items()]
            self._measure = gr.Radio(measures, value=Measure.KENDALL.value, label="Measure", elem_id="compare-measure")
            self._agreement = _plot("Agreement", "agreement")

    def _build_faithfulness(self) -> None:
        with gr.Tab("Faithfulness", id="faithfulness"):
            gr.Markdown(FAITHFULNESS, elem_classes="note")
            self._kind = gr.Radio([DELETION, INSERTION], value=DELETION, label="Curve", elem_id="compare-kind")
            self._curves = _plot("Curves", "curves")
            self._ranking = _plot("Ranking", "ranking")
            self._table = gr.Markdown(elem_id="compare-table")

    def _build_checks(self) -> None:
        with gr.Tab("Randomised weights", id="randomisation"):
            gr.Markdown(RANDOMISATION, elem_classes="note")
            self._randomise = gr.Button("Randomise the weights from the top down", elem_id="compare-randomise")
            self._randomised = _plot("Randomisation", "randomisation")
        with gr.Tab("Known evidence", id="evidence"):
            gr.Markdown(EVIDENCE, elem_classes="note")
            self._examine = gr.Button("Put the methods to the test", elem_id="compare-examine")
            self._top = _plot("Highest score on the evidence", "top")
            self._mass = _plot("Scores on the evidence", "mass")

    def connect(self, options: OptionWidgets) -> None:
        """Wire the events; called when all widgets exist."""
        asked = [self._task, self._text, self._model, self._methods, self._target, self._foil, self._unit]
        asked += [self._replacement, self._players, self._seed, self._measure, self._kind, *options.components]
        for event, work, outputs in (
            (self._compare.click, self._run, [self._state, self._agreement, self._curves, self._ranking, self._table]),
            (self._randomise.click, self._run_randomisation, [self._randomised]),
            (self._examine.click, self._run_examination, [self._top, self._mass]),
        ):
            self._stream.on(event, self._asked(work, options), asked, outputs)
        self._stream.connect()
        self._measure.input(guarded(_draw_agreement), [self._state, self._measure], self._agreement, **LIGHT)
        self._kind.input(guarded(_draw_curves), [self._state, self._kind], self._curves, **LIGHT)
        self._task.input(guarded(_for_task), self._task, [self._text, self._model, self._target, self._foil], **LIGHT)

    def _asked(self, work: Work, options: OptionWidgets) -> Work:
        return lambda *values: work(*self.request(values, options), values[10], values[11])

    def request(self, values: tuple[Any, ...], options: OptionWidgets) -> tuple[Request, list[str], RaceOptions]:
        """What the visitor asks, the texts, and how words are taken away."""
        task, text, model, methods, target, foil, unit, replacement, players, seed = values[:10]
        texts = read_texts(text)
        chosen = options.read(values[12:], methods)
        request = Request(task, texts[0], model or "", methods, target or None, foil or None, unit or None, options=chosen)
        return request, texts, RaceOptions(Replacement(replacement), Granularity(players), seed=int(seed or 0))

    def _run(self, request: Request, texts: list[str], options: RaceOptions, measure: str, kind: str) -> Iterator[Told]:
        results: list[Compared] = []
        for result in compared(request, texts, options):
            results.append(result)
            passes = sum(r.faithfulness.evaluations for r in results if r.faithfulness is not None)
            raced = _raced(results)
            ranked = race(raced) if len(raced) > 1 else None
            drawn = {
                self._state: list(results),
                self._agreement: _draw_agreement(results, measure),
                self._curves: _draw_curves(results, kind, ranked),
                self._ranking: _draw_ranking(ranked),
                self._table: views.race_table(raced[0]) if len(raced) == 1 else "",
            }
            said = f"{len(results)} of {len(texts)} texts · {passes} different inputs in the race"
            yield Told(said, drawn, done=len(results) == len(texts))

    def _run_randomisation(self, request: Request, texts: list[str], options: RaceOptions, *_: str) -> Iterator[Told]:
        for found in randomised(request, options.seed):
            told = Told(f"Randomised: {found.stages[-1].part}", {self._randomised: _shown(randomisation_chart(found))})
            yield told
        yield dataclasses.replace(told, done=True)

    def _run_examination(self, request: Request, texts: list[str], options: RaceOptions, *_: str) -> Iterator[Told]:
        results: list[Any] = []
        for results in examined(request):
            if len(results) % 8 == 0:
                yield Told(f"{len(results)} sentences examined", {})
        found = scorecard(results)
        named = {name: method_class(name).title for name in found.top}
        place = {named[name]: number for name, number in found.place.items()}
        top = interval_chart(
            {named[n]: i for n, i in found.top.items()}, "highest score on the evidence", place=place, reference=found.chance
        )
        mass = interval_chart({named[n]: i for n, i in found.mass.items()}, "share of all absolute scores", reference=found.chance)
        said = f"{found.right} of {found.sentences} sentences count (dotted: chance)"
        yield Told(said, {self._top: _shown(top), self._mass: _shown(mass)}, done=True)


def _for_task(task: str) -> Any:
    names = [entry.name for entry in models_for(task)]
    return COMPARE_TEXTS.get(task, PRESETS[task].examples[0].text), gr.update(choices=names, value=names[0]), "", ""


def _draw_agreement(results: list[Compared] | None, measure: str) -> Any:
    found = agreed(results or [])
    return _shown(None if found is None else agreement_heatmap(found, measure))


def _raced(results: list[Compared] | None) -> list[Faithfulness]:
    return [result.faithfulness for result in results or [] if result.faithfulness is not None]


def _draw_curves(results: list[Compared] | None, kind: str, ranked: Race | None = None) -> Any:
    raced = _raced(results)
    if not raced:
        return _shown(None)
    return _shown(faithfulness_curves(raced[0], kind) if len(raced) == 1 else race_curves(ranked or race(raced), kind))


def _draw_ranking(ranked: Race | None) -> Any:
    if ranked is None:
        return _shown(None)
    return _shown(interval_chart(_titled(ranked.overall), "0 random, 1 best found", place=_titled(ranked.place), reference=0.0))


def _plot(label: str, name: str) -> gr.Plot:
    return gr.Plot(label=label, show_label=False, elem_id=f"compare-{name}", elem_classes="plot", visible=False)


def _shown(figure: go.Figure | None) -> Any:
    """A plot with something on it; without, no empty box."""
    return gr.update(value=figure, visible=figure is not None)


def _titled(values: Mapping[str, Entry]) -> dict[str, Entry]:
    return {method_class(name).title: value for name, value in values.items()}
