"""Numbers on a scale and text beside it can be read."""

from __future__ import annotations

import numpy as np
import plotly.colors
import pytest
from wcag import contrast

from explain.visualization.colors import SIGNED_SCALE, TEXT, WEIGHT_SCALE, number_color


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
