"""Curves hold their numbers, say what was taken away, draw the band of chance, and leave gaps where there is no correlation."""

from __future__ import annotations

import numpy as np
import pytest

from explain import TokenExplainer
from explain.evaluation import (
    FaithfulnessRanking,
    FaithfulnessSettings,
    Granularity,
    MethodLabel,
    Randomisation,
    Stage,
    iter_faithfulness,
    randomisation_check,
)
from explain.evaluation.randomisation import ORIGINAL
from explain.types import Family
from explain.visualization.curves import DELETION, INSERTION, faithfulness_curves, randomisation_chart, ranking_curves

LABELS = (MethodLabel("lrp", "LRP", Family.EXTERNAL, True),)


@pytest.fixture(scope="module", params=[Granularity.TOKENS, Granularity.WORDS])
def results(request):
    with TokenExplainer.from_pretrained("distilbert-mini", task="classification") as explainer:
        settings = FaithfulnessSettings(granularity=request.param, orders=3, beam=1)
        texts = ("An unwatchable film.", "It was moving.")
        return list(iter_faithfulness(explainer, texts, ["lrp", "attention"], settings=settings))


@pytest.mark.parametrize(("kind", "done"), [(DELETION, "taken away"), (INSERTION, "brought back")])
def test_axes_say_what_is_taken_away(results, kind, done):
    what = results[0].granularity
    single, many = faithfulness_curves(results[0], kind), ranking_curves(FaithfulnessRanking.of(results), kind)
    assert single.layout.xaxis.title.text == f"{what} {done}"
    assert many.layout.xaxis.title.text == f"share of the {what} {done}"
    for figure in (single, many):
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
        assert "bdata" not in figure.to_json()


@pytest.mark.parametrize("kind", [DELETION, INSERTION])
def test_the_grey_band_is_where_random_orders_lie(results, kind):
    found = results[0]
    figure = faithfulness_curves(found, kind)
    band = next(trace for trace in figure.data if trace.name == "random orders")
    steps = len(found.features) + 1
    assert list(band.x) == [*range(steps), *reversed(range(steps))]
    assert list(band.y[:steps]) == pytest.approx(getattr(found.random, f"{kind}_high").tolist())
    assert list(band.y[steps:][::-1]) == pytest.approx(getattr(found.random, f"{kind}_low").tolist())
    for trace in figure.data[1:]:
        assert (trace.y[0], trace.y[-1]) == pytest.approx((figure.data[1].y[0], figure.data[1].y[-1]), abs=1e-5)


def test_what_has_no_correlation_is_a_gap_and_chance_is_a_band():
    stages = tuple(
        Stage(part, 1.0, 10, LABELS, {"lrp": rho}, {"lrp": abs(rho)})
        for part, rho in ((ORIGINAL, 1.0), ("head", np.nan), ("layer 0", -0.5))
    )
    found = Randomisation.of(stages)
    signed, absolute = randomisation_chart(found), randomisation_chart(found, absolute=True)
    assert list(signed.data[-1].y) == [1.0, None, -0.5]
    assert list(absolute.data[-1].y) == [1.0, None, 0.5]
    assert max(signed.data[0].y) == -min(signed.data[0].y) == pytest.approx(found.chance)
    assert list(signed.layout.xaxis.ticktext) == [ORIGINAL, "head", "layer 0"]


@pytest.fixture(scope="module")
def measured():
    with TokenExplainer.from_pretrained("distilbert-mini", task="classification") as explainer:
        methods = ["attention", "occlusion"]
        texts = ("A fine and moving film.", "It was a dull story.")
        results = list(iter_faithfulness(explainer, texts, methods, settings=FaithfulnessSettings(orders=3, beam=1)))
        return results, randomisation_check(explainer, texts[0], methods)


@pytest.mark.parametrize("kind", [DELETION, INSERTION])
def test_every_curve_and_the_bounds(measured, kind):
    found = measured[0][0]
    lines = {trace.name: trace for trace in faithfulness_curves(found, kind).data}
    assert list(lines) == ["random orders", "random, mean", "best order found", "Attention", "Occlusion"]
    assert list(lines["Occlusion"].y) == pytest.approx(getattr(found["occlusion"], kind).tolist())
    best = found.best.deletion if kind == DELETION else found.best_insertion
    assert list(lines["best order found"].y) == pytest.approx(best.tolist())
    assert lines["Attention"].line.dash == "dot"
    first = found.features[found["occlusion"].order[0]]
    assert lines["Occlusion"].text[1].endswith(first)


def test_the_curves_over_texts_are_means_with_bands(measured):
    found = FaithfulnessRanking.of(measured[0])
    lines = {trace.name: trace for trace in ranking_curves(found).data if trace.name}
    assert list(lines["Occlusion"].y) == pytest.approx(found.deletion["occlusion"].mean.tolist())
    assert len(ranking_curves(found).data) == 8


def test_the_randomisation_chart_begins_at_one(measured):
    figure = randomisation_chart(measured[1])
    line = next(trace for trace in figure.data if trace.name == "Occlusion")
    assert line.y[0] == pytest.approx(1.0)
    assert list(line.y) == pytest.approx([stage.similarity["occlusion"] for stage in measured[1].stages])
    assert figure.layout.xaxis.ticktext[0] == "original"
