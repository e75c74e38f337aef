"""The table on a terminal holds every number, keeps its columns and cannot steer the terminal."""

from __future__ import annotations

import pytest

from explain import TokenExplainer
from explain.visualization.terminal import grid, printable, table, width


def test_every_token_has_its_numbers_and_bars() -> None:
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        explanation = explainer.analyze("A fine\tfilm.", ["attention", "lrp"])
    lines = table(explanation).splitlines()
    assert lines[0] == "bert-mini · classification · A fine film."
    assert lines[1].startswith(f"Why {explanation.target.text} (probability {100 * explanation.target.probability:.1f} %)? Unit: logit.")
    rows = [line.split() for line in lines[4 : 4 + len(explanation.tokens)]]
    for row, token, weight, score in zip(rows, explanation.tokens, *(a.scores for a in explanation), strict=True):
        numbers = [float(cell) for cell in row[1:] if cell.strip("+-=")]
        assert row[0] == token.label
        assert numbers == pytest.approx([weight, score], abs=5e-5)
        bars = [cell for cell in row[1:] if not cell.strip("+-=")]
        assert {bar[0] for bar in bars} <= {"=", "+" if score > 0 else "-"}
    strongest = max(range(len(rows)), key=lambda number: abs(explanation["lrp"].scores[number]))
    assert rows[strongest][-1] in ("+" * 10, "-" * 10)


def test_columns_are_as_wide_as_their_cells_look() -> None:
    assert [width(text) for text in ("film", "电影", "é", "e\u0301")] == [4, 4, 1, 1]
    assert grid([["电影", "x"], ["a", "y"]]) == ["电影  x", "a     y"]


def test_control_characters_are_replaced() -> None:
    assert printable("a\x1b[31mb\nc\x07") == "a\ufffd[31mb c\ufffd"
