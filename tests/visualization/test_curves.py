"""Curves say what was taken away, draw the band of chance where it is, and leave gaps where there is no correlation."""

from __future__ import annotations

import numpy as np
import pytest

from explain import TokenExplainer
from explain.evaluation.ranking import faithfulness_over_texts, race
from explain.evaluation.randomisation import ORIGINAL, Randomisation, Stage
from explain.models.perturbation import Granularity
from explain.visualization.curves import DELETION, INSERTION, faithfulness_curves, race_curves, randomisation_chart


@pytest.fixture(scope="module", params=list(Granularity))
def results(request):
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        texts = ("An unwatchable film.", "It was moving.")
        return list(faithfulness_over_texts(explainer, texts, ["lrp", "attention"], players=request.param, orders=3, beam=1))


@pytest.mark.parametrize(("kind", "done"), [(DELETION, "taken away"), (INSERTION, "brought back")])
def test_axes_say_what_is_taken_away(results, kind, done):
    what = results[0].granularity
    single, many = faithfulness_curves(results[0], kind), race_curves(race(results), kind)
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
    steps = len(found.players) + 1
    assert list(band.x) == [*range(steps), *reversed(range(steps))]
    assert list(band.y[:steps]) == pytest.approx(getattr(found.random, f"{kind}_high").tolist())
    assert list(band.y[steps:][::-1]) == pytest.approx(getattr(found.random, f"{kind}_low").tolist())
    for trace in figure.data[1:]:
        assert (trace.y[0], trace.y[-1]) == pytest.approx((figure.data[1].y[0], figure.data[1].y[-1]), abs=1e-5)


def test_what_has_no_correlation_is_a_gap_and_chance_is_a_band():
    stages = tuple(
        Stage(part, 1.0, {"lrp": rho}, {"lrp": abs(rho)}) for part, rho in ((ORIGINAL, 1.0), ("head", np.nan), ("layer 0", -0.5))
    )
    found = Randomisation(stages, 10)
    signed, absolute = randomisation_chart(found), randomisation_chart(found, absolute=True)
    assert list(signed.data[-1].y) == [1.0, None, -0.5]
    assert list(absolute.data[-1].y) == [1.0, None, 0.5]
    assert max(signed.data[0].y) == -min(signed.data[0].y) == pytest.approx(found.chance)
    assert list(signed.layout.xaxis.ticktext) == [ORIGINAL, "head", "layer 0"]
