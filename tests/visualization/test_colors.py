"""One scale for all views, and everything that is written on it or beside it can be read."""

from __future__ import annotations

import numpy as np
import plotly.colors
import pytest
from wcag import contrast

from explain.visualization.colors import (
    AWAY,
    LEVEL_COLORS,
    LEVEL_INKS,
    LEVELS,
    NEUTRAL,
    SIGNED_SCALE,
    TEXT,
    TOWARDS,
    WEIGHT,
    WEIGHT_SCALE,
    color_at,
    color_of,
    ink_of,
    level,
    number_color,
)


@pytest.mark.parametrize(("signed", "scale", "low"), [(True, SIGNED_SCALE, -1.0), (False, WEIGHT_SCALE, 0.0)])
def test_a_number_is_readable_on_its_cell(signed: bool, scale: list[list[float | str]], low: float) -> None:
    for share in np.linspace(low, 1, 301):
        cell = plotly.colors.sample_colorscale(scale, (share - low) / (1 - low), colortype="tuple")[0]
        ground = "#" + "".join(f"{round(part * 255):02x}" for part in cell)
        ink = number_color(float(share), signed=signed)
        assert ink in ("#000000", "#ffffff")
        assert contrast(ink, ground) >= 4.5


def test_shares_beyond_the_scale_have_its_end() -> None:
    assert number_color(-3.0, signed=True) == number_color(-1.0, signed=True) == "#ffffff"
    assert number_color(3.0, signed=True) == number_color(1.0, signed=True) == "#000000"


def test_text_beside_a_plot_is_readable_on_paper() -> None:
    assert contrast(TEXT, "#ffffff") >= 4.5


@pytest.mark.parametrize(("signed", "scale", "low"), [(True, SIGNED_SCALE, -1.0), (False, WEIGHT_SCALE, 0.0)])
def test_text_views_have_the_colours_of_the_heatmap(signed: bool, scale: list[list[float | str]], low: float) -> None:
    for share in np.linspace(low, 1, 301):
        cell = plotly.colors.sample_colorscale(scale, (share - low) / (1 - low), colortype="tuple")[0]
        for found in (color_at(float(share), signed=signed), color_of(3 * float(share), 3.0, signed=signed)):
            assert [int(found[i : i + 2], 16) for i in (1, 3, 5)] == pytest.approx([255 * part for part in cell], abs=0.51)
        assert ink_of(3 * float(share), 3.0, signed=signed) == number_color(float(share), signed=signed)
        assert contrast(ink_of(3 * float(share), 3.0, signed=signed), color_of(3 * float(share), 3.0, signed=signed)) >= 4.5
    assert color_of(0.0, 1.0, signed=signed) == color_of(1.0, 0.0, signed=signed) == NEUTRAL


def test_every_level_of_a_text_view_is_on_the_scale_and_its_text_is_readable() -> None:
    assert len(LEVEL_COLORS) == 3 * LEVELS
    assert set(LEVEL_INKS) == set(LEVEL_COLORS)
    assert [LEVEL_COLORS[f"{name} {LEVELS}"] for name in ("towards", "away", "weight")] == [TOWARDS, AWAY, WEIGHT]
    for score, signed in [(sign * step / LEVELS, True) for sign in (1, -1) for step in range(1, LEVELS + 1)] + [(0.6, False)]:
        name = level(2 * score, 2.0, signed=signed)
        assert name is not None
        assert LEVEL_COLORS[name] == color_of(score, 1.0, signed=signed)
        assert contrast(LEVEL_COLORS[name], LEVEL_INKS[name]) >= 4.5
