"""Bars hold every score, coloured by its direction."""

from __future__ import annotations

import numpy as np
import pytest

from explain import TokenExplainer
from explain.visualization.bars import methods_bars
from explain.visualization.colors import AWAY, TOWARDS, WEIGHT


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
