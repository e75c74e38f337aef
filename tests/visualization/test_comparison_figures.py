"""Figures of agreement and intervals hold the numbers that they were given."""

from __future__ import annotations

import numpy as np
import pytest

from explain import TokenExplainer
from explain.evaluation.agreement import Measure, agreement, mean_agreement
from explain.evaluation.ranking import faithfulness_over_texts, race
from explain.evaluation.randomisation import Randomisation, randomisation
from explain.intervals import bootstrap
from explain.methods.catalog import METHODS
from explain.visualization.agreement import agreement_heatmap
from explain.visualization.bars import methods_bars
from explain.visualization.colors import AWAY, TOWARDS, WEIGHT
from explain.visualization.curves import DELETION, INSERTION, faithfulness_curves, race_curves, randomisation_chart, style_of
from explain.visualization.intervals import interval_chart


@pytest.fixture(scope="module")
def found():
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        return [
            agreement(explainer.analyze(text, ["attention", "lrp", "input_x_gradient"])) for text in ("A fine film.", "It was not bad.")
        ]


@pytest.mark.parametrize("measure", Measure)
def test_the_heatmap_shows_every_pair_and_parts_the_families(found, measure):
    figure = agreement_heatmap(found[0], measure)
    assert np.array(figure.data[0].z, dtype=float) == pytest.approx(found[0].matrices[measure], nan_ok=True)
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0 if measure is Measure.TOP_K else -1, 1)
    assert [shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1] == [0.5]
    numbers = {(note.x, note.y): note.text for note in figure.layout.annotations}
    assert numbers[0, 1] == f"{found[0].matrices[measure][1, 0]:.2f}"


def test_means_show_their_interval(found):
    mean = mean_agreement(found)
    text = agreement_heatmap(mean, Measure.KENDALL).data[0].text[0][1]
    interval = mean.matrices[Measure.KENDALL]
    assert f"{interval.low[0, 1]:.2f} to {interval.high[0, 1]:.2f}" in text


def test_the_chart_ranks_and_marks_ties():
    values = {"low": np.array([0.0, 0.1, 0.2]), "high": np.array([1.0, 1.1, 1.2]), "one": np.array([0.5])}
    entries = {name: bootstrap(sample) for name, sample in values.items()}
    figure = interval_chart(entries, "mass", place={"high": 1, "low": 2, "one": 2}, reference=0.3)
    dots = figure.data[0]
    assert list(dots.x) == pytest.approx([1.1, 0.5, 0.1])
    assert list(figure.layout.yaxis.ticktext) == ["1. high", "2. one", "2. low"]
    assert dots.error_x.array[0] == pytest.approx(entries["high"].high - 1.1)
    assert dots.error_x.array[1] == 0
    assert "interval" not in dots.text[1]
    assert figure.layout.shapes[0].x0 == 0.3


@pytest.fixture(scope="module")
def raced():
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        methods = ["attention", "occlusion"]
        texts = ("A fine and moving film.", "It was a dull story.")
        results = list(faithfulness_over_texts(explainer, texts, methods, orders=3, beam=1))
        stages = tuple(randomisation(explainer.ask(texts[0]), methods))
        return results, Randomisation(stages, 6)


@pytest.mark.parametrize("kind", [DELETION, INSERTION])
def test_the_race_draws_every_curve_and_the_bounds(raced, kind):
    found = raced[0][0]
    lines = {trace.name: trace for trace in faithfulness_curves(found, kind).data}
    assert list(lines) == ["random orders", "random, mean", "best order found", "Attention", "Occlusion"]
    assert list(lines["Occlusion"].y) == pytest.approx(getattr(found["occlusion"], kind).tolist())
    best = found.best.deletion if kind == DELETION else found.best_insertion
    assert list(lines["best order found"].y) == pytest.approx(best.tolist())
    assert lines["Attention"].line.dash == "dot"
    first = found.players[found["occlusion"].order[0]]
    assert lines["Occlusion"].text[1].endswith(first)


def test_the_race_over_texts_draws_means_with_bands(raced):
    found = race(raced[0])
    lines = {trace.name: trace for trace in race_curves(found).data if trace.name}
    assert list(lines["Occlusion"].y) == pytest.approx(found.deletion["occlusion"].mean.tolist())
    assert len(race_curves(found).data) == 8


def test_the_randomisation_chart_begins_at_one(raced):
    figure = randomisation_chart(raced[1])
    line = next(trace for trace in figure.data if trace.name == "Occlusion")
    assert line.y[0] == pytest.approx(1.0)
    assert list(line.y) == pytest.approx([stage.similarity["occlusion"] for stage in raced[1].stages])
    assert figure.layout.xaxis.ticktext[0] == "original"


def test_every_method_has_a_style_of_its_own():
    styles = [style_of(method.name) for method in METHODS]
    assert len({style["color"] for style in styles}) == len(METHODS)
    assert len({style["symbol"] for style in styles}) == len(METHODS)


def test_bars_hold_every_score_of_every_method():
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        explanation = explainer.analyze("It was not bad.", ["attention", "lrp"])
    figure = methods_bars(explanation)
    for bars, attribution in zip(figure.data, explanation, strict=True):
        assert list(bars.y) == pytest.approx(attribution.scores.tolist())
        signs = {color: np.array(bars.y)[[c == color for c in bars.marker.color]] for color in set(bars.marker.color)}
        assert set(signs) == ({WEIGHT} if attribution.method == "attention" else {TOWARDS, AWAY})
    assert (signs[AWAY] < 0).all()
    assert [note.text for note in figure.layout.annotations] == ["Attention", "LRP"]
    hidden = methods_bars(explanation, words=True, special=False)
    assert len(hidden.data[1].y) == 5
    assert sum(hidden.data[1].y) == pytest.approx(explanation["lrp"].scores[1:-1].sum())
