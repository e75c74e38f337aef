"""The heatmap of agreement holds the numbers that it was given."""

from __future__ import annotations

import numpy as np
import pytest

from explain import TokenExplainer
from explain.evaluation import MeanAgreement, Measure, agreement
from explain.visualization.agreement import agreement_heatmap


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
    mean = MeanAgreement.of(found)
    text = agreement_heatmap(mean, Measure.KENDALL).data[0].text[0][1]
    interval = mean.matrices[Measure.KENDALL]
    assert f"{interval.low[0, 1]:.2f} to {interval.high[0, 1]:.2f}" in text
