"""Methods x methods: how alike their rankings are."""

from __future__ import annotations

import plotly.graph_objects as go

from explain.evaluation.agreement import Agreement, MeanAgreement, Measure
from explain.intervals import Interval
from explain.types import Family
from explain.visualization.colors import TEXT, number_color
from explain.visualization.heatmaps import matrix_heatmap

MEASURE_TITLES = {
    Measure.KENDALL: "Kendall's tau",
    Measure.SPEARMAN: "Spearman's rho",
    Measure.TOP_K: "top-k overlap",
    Measure.COSINE: "cosine",
}


def agreement_heatmap(found: Agreement | MeanAgreement, measure: Measure | str) -> go.Figure:
    """Agreement of every pair of methods, from -1 to 1 (top-k overlap from 0), with a number in each cell.

    Lines part the internal from the external methods; over several texts hover shows the interval.
    """
    measure = Measure(measure)
    values = found.matrices[measure]
    matrix = values.mean if isinstance(values, Interval) else values
    titles = list(found.titles.values())
    signed = measure is not Measure.TOP_K
    figure = matrix_heatmap(matrix, titles, titles, signed=signed, hover="%{y}, %{x}")
    cells = figure.data[0]
    cells.update(zmin=-1 if signed else 0, zmax=1)
    if isinstance(values, Interval):
        cells.text = [
            [f"{name}<br>95 % interval {low:.2f} to {high:.2f}" for name, low, high in zip(*rows, strict=True)]
            for rows in zip(cells.text, values.low, values.high, strict=True)
        ]
    figure.update_layout(
        annotations=[
            {"x": column, "y": row, "text": f"{number:.2f}", "showarrow": False, "font": {"color": number_color(number, signed=signed)}}
            for row, numbers in enumerate(cells.z)
            for column, number in enumerate(numbers)
            if number is not None
        ]
    )
    inside = sum(family is Family.INTERNAL for family in found.families)
    if 0 < inside < len(titles):
        line = {"color": TEXT, "width": 3}
        figure.add_vline(x=inside - 0.5, line=line)
        figure.add_hline(y=inside - 0.5, line=line)
    figure.update_layout(height=190 + 34 * len(titles))
    return figure
