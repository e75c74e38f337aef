"""Lines are told apart by their number in a chart, however many there are."""

from __future__ import annotations

from explain.evaluation import MethodLabel
from explain.types import Family
from explain.visualization.styles import COLORS, MARKERS, style_at, styles_of


def test_no_two_of_many_lines_look_alike() -> None:
    assert len(COLORS) == len(MARKERS) == len(set(COLORS)) == len(set(MARKERS))
    styles = [style_at(number) for number in range(len(COLORS) * len(MARKERS))]
    assert len({(style["color"], style["symbol"]) for style in styles}) == len(styles)
    assert len({style["color"] for style in styles[: len(COLORS)]}) == len(COLORS)


def test_internal_methods_are_dotted_and_the_number_in_the_chart_decides() -> None:
    labels = [MethodLabel(f"m{number}", "M", Family.INTERNAL if number % 2 else Family.EXTERNAL, True) for number in range(30)]
    styles = styles_of(labels)
    assert [style["dash"] for style in styles.values()] == ["solid", "dot"] * 15
    assert [style["color"] for style in styles.values()] == [style_at(number)["color"] for number in range(30)]
    assert next(iter(styles_of(labels[5:]).values()))["color"] == style_at(0)["color"]
