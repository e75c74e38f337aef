"""Figures of agreement and intervals hold the numbers that they were given."""

from __future__ import annotations

import numpy as np
import pytest

from explain import TokenExplainer
from explain.comparison.agreement import Measure, agreement, mean_agreement
from explain.intervals import bootstrap
from explain.visualization.agreement import agreement_heatmap
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
