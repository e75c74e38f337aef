"""Charts of means rank by the numbers that they were given, and mark ties and chance."""

from __future__ import annotations

import numpy as np
import pytest

from explain.evaluation import EvidenceItem, ExaminedItem, GroundTruth, MethodLabel
from explain.intervals import bootstrap
from explain.types import Family
from explain.visualization.intervals import MASS, POINTING, ground_truth_chart, interval_chart


def test_the_chart_ranks_and_marks_ties():
    values = {"low": np.array([0.0, 0.1, 0.2]), "high": np.array([1.0, 1.1, 1.2]), "one": np.array([0.5])}
    entries = {name: bootstrap(sample) for name, sample in values.items()}
    figure = interval_chart(entries, "mass", rank={"high": 1, "low": 2, "one": 2}, reference=0.3)
    dots = figure.data[0]
    assert list(dots.x) == pytest.approx([1.1, 0.5, 0.1])
    assert list(figure.layout.yaxis.ticktext) == ["1. high", "2. one", "2. low"]
    assert dots.error_x.array[0] == pytest.approx(entries["high"].high - 1.1)
    assert dots.error_x.array[1] == 0
    assert "interval" not in dots.text[1]
    assert figure.layout.shapes[0].x0 == 0.3


@pytest.mark.parametrize("quantity", [POINTING, MASS])
def test_ground_truth_is_drawn_by_title_with_chance(quantity: str) -> None:
    labels = tuple(MethodLabel(name, title, Family.EXTERNAL, True) for name, title in (("a", "Same"), ("b", "Same"), ("c", "Other")))
    item = EvidenceItem("a good film", "positive", None, 2, 6, "keyword", "0")
    pointing, mass = {"a": 1.0, "b": 0.0, "c": 0.0}, {"a": 0.5, "b": 0.25, "c": 0.75}
    found = GroundTruth.of([ExaminedItem(item, True, 4, labels, pointing, mass)] * 3)
    figure = ground_truth_chart(found, quantity)
    values = pointing if quantity == POINTING else mass
    order = sorted(values, key=lambda name: -values[name])
    assert list(figure.data[0].x) == [values[name] for name in order]
    shown = {"a": "Same (a)", "b": "Same (b)", "c": "Other"}
    ranks = {"a": "1. ", "b": "2. ", "c": "2. "} if quantity == POINTING else dict.fromkeys("abc", "")
    assert list(figure.layout.yaxis.ticktext) == [ranks[name] + shown[name] for name in order]
    assert figure.layout.shapes[0].x0 == found.chance == 0.25
