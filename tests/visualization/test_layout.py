"""Labels stand where they belong, are shown as they are, and are never too many."""

from __future__ import annotations

import pytest

from explain.visualization.layout import ACROSS, plain, plain_label, ticks


@pytest.mark.parametrize("count", [1, ACROSS, ACROSS + 1, 500])
def test_labels_stand_at_their_places_and_are_never_too_many(count: int) -> None:
    labels = [str(number) for number in range(count)]
    assert ticks(labels)["ticktext"] == labels
    found = ticks(labels, most=ACROSS)
    assert found["ticktext"] == [str(place) for place in found["tickvals"]]
    assert min(count, ACROSS / 2) <= len(found["ticktext"]) <= ACROSS
    assert found["tickvals"][0] == 0


def test_no_labels_have_no_ticks() -> None:
    assert ticks([], most=ACROSS)["tickvals"] == []


def test_labels_are_no_markup() -> None:
    assert plain(["</s>", "a & b", '"']) == ["&lt;/s&gt;", "a &amp; b", '"']
    assert plain_label("<b>") == "&lt;b&gt;"
