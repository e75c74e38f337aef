"""How slices are written, and what is wrong with some."""

from __future__ import annotations

import pytest

from explain.dataset.findings import Slice
from explain.dataset.findings.slice import slices_of_keywords
from explain.errors import InputError


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("women=she, her,hers", Slice("women", words=("she", "her", "hers"))),
        ("women = /\\b(she|her)\\b/", Slice("women", pattern="\\b(she|her)\\b")),
        ("time=/a:b,c/", Slice("time", pattern="a:b,c")),
        ("women=speaker: f", Slice("women", column="speaker", value="f")),
        ("times=10:30,11:30", Slice("times", words=("10:30", "11:30"))),
    ],
)
def test_a_slice_is_read(written: str, read: Slice) -> None:
    assert Slice.read(written) == read


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("women", "The slice 'women' needs a name and words"),
        ("=she", "The slice '' needs a name and words"),
        ("women=,", "needs a name and words, a pattern or a column. Write NAME=word,word"),
        ("women=/(she/", r"The pattern '\(she' of the slice 'women' cannot be read: missing \)"),
    ],
)
def test_a_wrong_one_is_said(written: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Slice.read(written)


def test_keywords_are_slices_and_empty_ones_are_refused() -> None:
    assert slices_of_keywords(["a b", "c", "a b"]) == (Slice("a b", words=("a b",)), Slice("c", words=("c",)))
    with pytest.raises(InputError, match="has an empty word"):
        Slice("x", words=(" ",))


def test_a_pattern_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explain.dataset.findings.slice.SECONDS", 0.05)
    with pytest.raises(InputError, match="takes too long on a text of 41 characters"):
        list(Slice("slow", pattern="(a|aa|a?)+$").spans((), "a" * 40 + "b"))
