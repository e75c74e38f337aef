"""Heatmaps hold the numbers they are given, small or large; a large one stays light enough for a browser."""

from __future__ import annotations

import numpy as np

from explain import TokenExplainer
from explain.visualization.heatmaps import matrix_heatmap, methods_heatmap


def random(rows: int, columns: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.normal(size=(rows, columns)) * 10.0 ** generator.integers(-8, 3, size=(rows, columns))


def test_a_small_matrix_is_exact_and_named_cell_by_cell() -> None:
    matrix = random(2, 3)
    matrix[0, 1] = np.nan
    figure = matrix_heatmap(matrix, ["a", "a"], ["<b>", "c", "d"], signed=True, hover="%{y} to %{x}")
    cells = figure.data[0]
    assert cells.z[0][1] is None
    assert [list(row) for row in cells.z] == [[matrix[0, 0], None, matrix[0, 2]], matrix[1].tolist()]
    assert cells.text[1][0] == "a to &lt;b&gt;"
    assert cells.zmax == -cells.zmin == np.nanmax(np.abs(matrix))


def test_a_large_matrix_is_light_and_tells_its_cells_apart() -> None:
    size = 400
    matrix = random(size, size)
    matrix[3, 4], matrix[5, 6] = np.nan, 0.0
    figure = matrix_heatmap(matrix, ["word"] * size, ["<s>"] * size, signed=False, hover="%{y} to %{x}")
    cells = figure.data[0]
    z = np.array(cells.z, dtype=np.float64)
    assert np.isnan(z[3, 4])
    assert z[5, 6] == 0
    np.testing.assert_allclose(z, matrix, rtol=5e-4)
    assert len(set(cells.x)) == len(set(cells.y)) == size
    assert cells.x[7] == "&lt;s&gt; · 8"
    assert cells.hovertemplate.startswith("%{y} to %{x}")
    assert len(figure.to_json()) < 12 * size * size
    assert figure.layout.height < 1200


def test_many_tokens_leave_no_gaps_that_would_hide_them() -> None:
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        few = methods_heatmap(explainer.analyze("A fine film.", ["attention", "input_x_gradient"]))
        many = methods_heatmap(explainer.analyze("word " * 300, ["attention", "input_x_gradient"]))
    assert {trace.xgap for trace in few.data} == {1}
    assert {trace.xgap for trace in many.data} == {0}
    assert all(len(trace.z[0]) == 302 for trace in many.data)
