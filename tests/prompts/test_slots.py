"""Templates: what they expand to, and what is wrong with them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explain import InputError
from explain.prompts import Slot, expand, parse


def texts(template: str) -> list[str]:
    return [filled.text for filled in expand(template)]


def test_every_filler_is_put_in():
    found = expand("The {doctor| nurse |engineer} said that [MASK] was {busy|late}.")
    assert [filled.text for filled in found] == [
        f"The {who} said that [MASK] was {how}." for who in ("doctor", "nurse", "engineer") for how in ("busy", "late")
    ]
    for filled in found:
        assert [filler.slot for filler in filled.fillers] == [0, 1]
        assert all(filled.text[filler.start : filler.end] == filler.text for filler in filled.fillers)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (r"\{a|b\} {c|d}", ["{a|b} c", "{a|b} d"]),
        (r"{a\|b|\{c\}}!", ["a|b!", "{c}!"]),
        (r"a\\{b|c}\n\x", [r"a\b\n\x", r"a\c\n\x"]),
        ("a|b {c|d}", ["a|b c", "a|b d"]),
        ("not {very|} good", ["not very good", "not good"]),
        ("{Very|} good", ["Very good", "good"]),
        ("good{ly|}!", ["goodly!", "good!"]),
        ("{a|b}{c|d}", ["ac", "ad", "bc", "bd"]),
        ("{é|中文|👍🏽} x", ["é x", "中文 x", "👍🏽 x"]),
    ],
)
def test_escapes_and_empty_fillers(template, expected):
    assert texts(template) == expected


@given(
    st.lists(
        st.lists(st.text("ab{}|\\é ", min_size=1).map(str.strip).filter(bool), min_size=2, max_size=3, unique=True), min_size=1, max_size=3
    )
)
def test_what_is_escaped_comes_back(slots):
    def escaped(text):
        return "".join("\\" + sign if sign in "{}|\\" else sign for sign in text)

    template = " x ".join("{" + "|".join(map(escaped, fillers)) + "}" for fillers in slots)
    found = expand(template)
    assert [filled.text for filled in found] == [" x ".join(chosen) for chosen in itertools.product(*slots)]
    assert all(filled.text[f.start : f.end] == f.text for filled in found for f in filled.fillers)
    assert [piece.fillers for piece in parse(template) if isinstance(piece, Slot)] == [tuple(fillers) for fillers in slots]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("no slot", "has no slot"),
        ("an {open|slot", "opened by character 4 .* is not closed"),
        ("a closed} slot", "Character 9 .* closes a slot that was not opened"),
        ("{a|{b|c}}", "Character 4 .* opens a slot within a slot"),
        ("{alone}", "has one filler"),
        ("{}", "has one filler"),
        ("{a|b| a }", "has the filler 'a' twice"),
        ("{" + "|".join(map(str, range(15))) + "} {" + "|".join(map(str, range(14))) + "}", "15 x 14 = 210 combinations; at most 200"),
    ],
)
def test_what_is_wrong_is_said(template, said):
    with pytest.raises(InputError, match=said):
        expand(template)


def test_the_limit_can_be_set():
    assert len(expand("{a|b} {c|d}", limit=4)) == 4
    with pytest.raises(InputError, match="at most 3"):
        expand("{a|b} {c|d}", limit=3)
