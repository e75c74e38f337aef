"""The tab that tells which explanation to believe: agreement, faithfulness, randomised weights, known evidence."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import gradio as gr

from explain.evaluation import ExaminedItem, Faithfulness, FaithfulnessRanking, FaithfulnessSettings, GroundTruth, Measure
from explain.interface.presets import COMPARED_METHODS, COMPARED_TEXTS, FIRST_TASK, preset
from explain.interface.serving import LIGHT, guarded
from explain.interface.streaming import Stream, Told
from explain.interface.tabs.form import Form, Updates, Values, drawn, escaped, plot
from explain.interface.tabs.options import OptionsForm
from explain.interface.tabs.question import QuestionForm
from explain.interface.work.evaluation import Evaluated, agreement_of, iter_evaluation, iter_examined, iter_randomised, texts_from
from explain.models.perturbation import Granularity, Replacement
from explain.segments import NAMED
from explain.sharing.request import Request
from explain.visualization.agreement import MEASURE_TITLES, agreement_heatmap
from explain.visualization.curves import DELETION, INSERTION, faithfulness_curves, randomisation_chart, ranking_curves
from explain.visualization.intervals import ground_truth_chart, ranking_chart

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


class CompareMethodsTab:
    """Built in the current tab; what it asks takes the options that are set for the whole page."""

    name, title = "compare", "Compare methods"

    def __init__(self, options: OptionsForm) -> None:
        self._options = options
        with gr.Row(elem_classes="sides"):
            with gr.Column(scale=2, min_width=300, elem_classes="asking"):
                self._form = QuestionForm(
                    "compare",
                    task=FIRST_TASK,
                    text=COMPARED_TEXTS[FIRST_TASK],
                    label="Texts, one per line",
                    info="One text, or up to 50 for means with intervals.",
                    button="Compare",
                    methods=COMPARED_METHODS,
                )
                with gr.Accordion("How words are taken away", open=False):
                    replacements = list(map(str, Replacement))
                    features = [level.value for level in Granularity if level not in NAMED]
                    self._form.add("replacement", gr.Radio(replacements, value=Replacement.AUTO.value, label="What takes a word's place"))
                    self._form.add("granularity", gr.Radio(features, value=Granularity.WORDS.value, label="Taken away together"))
                    self._form.add("seed", gr.Number(0, precision=0, minimum=0, label="Seed"))
            with gr.Column(scale=5, min_width=300, elem_id="compare-stage"):
                self._stream = Stream(self._form, idle="Press Compare.", failed="Not compared")
                gr.Markdown(INTRO, elem_classes="note")
                self._shown = Form("compare")
                self._shown.add("results", gr.State(None))  # not among the tabs, which Gradio counts by their place
                with gr.Tabs(elem_id="compare-views"):
                    self._build_views()
        self._connect()

    def _build_views(self) -> None:
        add = self._shown.add
        with gr.Tab("Agreement", id="agreement"):
            gr.Markdown(AGREEMENT, elem_classes="note")
            measures = [(title, measure.value) for measure, title in MEASURE_TITLES.items()]
            add("measure", gr.Radio(measures, value=Measure.KENDALL.value, label="Measure", elem_classes="pills"))
            add("agreement", plot("Agreement"))
        with gr.Tab("Faithfulness", id="faithfulness"):
            gr.Markdown(FAITHFULNESS, elem_classes="note")
            add("kind", gr.Radio([DELETION, INSERTION], value=DELETION, label="Curve", elem_classes="pills"))
            add("curves", plot("Curves"))
            add("ranking", plot("Ranking"))
            add("table", gr.Markdown())
        with gr.Tab("Randomised weights", id="randomisation"):
            gr.Markdown(RANDOMISATION, elem_classes="note")
            add("randomise", gr.Button("Randomise the weights from the top down"))
            add("randomisation", plot("Randomisation"))
        with gr.Tab("Known evidence", id="evidence"):
            gr.Markdown(EVIDENCE, elem_classes="note")
            add("examine", gr.Button("Put the methods to the test"))
            add("pointing", plot("Highest score on the evidence"))
            add("mass", plot("Scores on the evidence"))

    def _connect(self) -> None:
        form, shown = self._form, self._shown
        asked = form.inputs | self._options.inputs | {shown["measure"], shown["kind"]}
        for trigger, work, names in (
            (form["run"].click, self._compare, ("results", "agreement", "curves", "ranking", "table")),
            (shown["randomise"].click, self._randomise, ("randomisation",)),
            (shown["examine"].click, self._examine, ("pointing", "mass")),
        ):
            self._stream.on([trigger], work, asked, [shown[name] for name in names])
        self._stream.connect()
        chosen = {shown[name] for name in ("results", "measure", "kind")}
        triggers = [shown["measure"].input, shown["kind"].input]
        gr.on(triggers, guarded(lambda values: self._draw(self._results(values), values)), chosen, self._drawn, **LIGHT)
        form["task"].input(guarded(self._for_task), form["task"], form.fillable, **LIGHT)

    @property
    def _drawn(self) -> list[Any]:
        return [self._shown[name] for name in ("agreement", "curves", "ranking", "table")]

    def _results(self, values: Values) -> list[Evaluated]:
        return self._shown.read(values)["results"] or []

    def _request(self, values: Values) -> tuple[Request, list[str], FaithfulnessSettings]:
        """What is asked, of which texts, and how words are taken away."""
        given = self._form.read(values)
        texts = texts_from(given["text"])
        settings = FaithfulnessSettings(Replacement(given["replacement"]), Granularity(given["granularity"]), seed=int(given["seed"] or 0))
        return self._form.request(values, self._options, text=texts[0]), texts, settings

    def _compare(self, values: Values) -> Iterator[Told]:
        request, texts, settings = self._request(values)
        results: list[Evaluated] = []
        for result in iter_evaluation(request, texts, settings):
            results.append(result)
            passes = sum(found.evaluations for found in _faithful(results))
            said = f"Compared {len(results)} of {len(texts)} texts with {passes} different inputs"
            drawings = {self._shown["results"]: list(results), **self._draw(results, values)}
            yield Told(said, drawings, done=len(results) == len(texts))

    def _randomise(self, values: Values) -> Iterator[Told]:
        request, _, settings = self._request(values)
        told: Told | None = None
        for found in iter_randomised(request, settings.seed):
            if told is not None:
                yield told
            told = Told(f"Randomised down to {found.stages[-1].part}", self._shown.updates(randomisation=drawn(randomisation_chart(found))))
        if told is not None:  # the last comes with its end: of two that arrive together the page may lose one
            yield dataclasses.replace(told, done=True)

    def _examine(self, values: Values) -> Iterator[Told]:
        request, *_ = self._request(values)
        results: list[ExaminedItem] = []
        for results in iter_examined(request):
            if len(results) % 8 == 0:
                yield Told(f"{len(results)} sentences examined")
        found = GroundTruth.of(results)
        charts = {
            name: drawn(ground_truth_chart(found, quantity))
            for name, quantity in (("pointing", "pointing_game"), ("mass", "mass_accuracy"))
        }
        said = f"{found.correct} of {found.sentences} sentences count (dotted: chance), examined"
        yield Told(said, self._shown.updates(**charts), done=True)

    def _draw(self, results: list[Evaluated], values: Values) -> Updates:
        """Agreement, curves and ranking of the results, as the choices want them."""
        own = self._shown.read(values)
        agreement, faithful = agreement_of(results), _faithful(results)
        ranking = FaithfulnessRanking.of(faithful) if len(faithful) > 1 else None
        curves = None
        if faithful:
            curves = faithfulness_curves(faithful[0], own["kind"]) if ranking is None else ranking_curves(ranking, own["kind"])
        return self._shown.updates(
            agreement=drawn(None if agreement is None else agreement_heatmap(agreement, own["measure"])),
            curves=drawn(curves),
            ranking=drawn(None if ranking is None else ranking_chart(ranking)),
            table=_table(faithful[0]) if len(faithful) == 1 else "",
        )

    def _for_task(self, task: str) -> Updates:
        updates = self._form.for_task(task)
        updates[self._form["text"]]["value"] = COMPARED_TEXTS.get(task, preset(task).examples[0].text)
        return updates


def _faithful(results: list[Evaluated]) -> list[Faithfulness]:
    return [result.faithfulness for result in results if result.faithfulness is not None]


def _table(found: Faithfulness) -> str:
    """The methods, the most faithful first."""
    lines = ["| method | comprehensiveness | sufficiency | faithfulness, 0 random – 1 best |", "| --- | ---: | ---: | ---: |"]
    titles = {label.name: label.title for label in found.labels}
    for curve in sorted(found.curves, key=lambda curve: -found.overall(curve)):
        overall = found.overall(curve)
        share = "–" if overall != overall else f"{overall:+.2f}"
        lines.append(f"| {escaped(titles[curve.name])} | {curve.comprehensiveness:+.3f} | {curve.sufficiency:+.3f} | {share} |")
    return "\n".join(lines)
