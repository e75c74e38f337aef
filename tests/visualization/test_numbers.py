"""Probabilities keep one digit after the point and are never said to be certain."""

from __future__ import annotations

import numpy as np
import pytest

from explain.visualization.numbers import interval_text, percent, signed


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.973, "97.3 %"),
        (0.5, "50.0 %"),
        (0.004, "0.4 %"),
        (0.00051, "0.1 %"),
        (0.00049, "<0.1 %"),
        (0.0, "<0.1 %"),
        (0.99949, "99.9 %"),
        (0.99951, ">99.9 %"),
        (1.0, ">99.9 %"),
        (None, ""),
        (float("nan"), ""),
    ],
)
def test_what_is_said(probability: float | None, said: str) -> None:
    assert percent(probability) == said


def test_what_is_said_is_within_half_a_tenth() -> None:
    for probability in np.linspace(0.001, 0.999, 997):
        assert float(percent(float(probability)).removesuffix(" %")) / 100 == pytest.approx(probability, abs=0.0005 + 1e-12)


def test_what_does_not_exist_is_a_dash() -> None:
    assert (signed(1.23456), signed(-0.5, ".3f"), signed(float("nan"))) == ("+1.23", "-0.500", "–")
    assert interval_text(-1.0, 0.25) == "-1 to +0.25"
    assert interval_text(float("nan"), 1.0) == "–"
