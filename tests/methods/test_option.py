"""Options: read from a method's fields, parsed and bounded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pytest

from explain import InputError
from explain.methods.method import Method
from explain.methods.option import option
from explain.models.score import Score
from explain.types import Array, Family


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Example(Method):
    name = "example"
    title = "Example"
    summary = caution = reference = "…"
    family = Family.EXTERNAL
    signed = True

    count: int = option(3, "A count.", minimum=1, maximum=9)
    share: float = option(0.5, "A share.", minimum=0.0, maximum=1.0)
    flag: bool = option(True, "A flag.")
    colour: Colour = option(Colour.RED, "A colour.")
    layer: int | None = option(None, "A layer.", minimum=0)

    def compute(self, score: Score) -> Array:
        return np.arange(len(score.encoding.tokens), dtype=np.float64) * self.share


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        ({}, {}),
        ({"count": 9}, {"count": 9}),
        ({"count": 2.0}, {"count": 2}),
        ({"count": "4"}, {"count": 4}),
        ({"share": 1}, {"share": 1.0}),
        ({"flag": False}, {"flag": False}),
        ({"colour": "blue"}, {"colour": Colour.BLUE}),
        ({"layer": None}, {"layer": None}),
        ({"layer": 0}, {"layer": 0}),
    ],
)
def test_values_are_parsed(given: dict[str, Any], parsed: dict[str, Any]) -> None:
    method = Example.with_options(given)
    assert method == Example(**parsed)
    for name, value in parsed.items():
        assert type(getattr(method, name)) is type(value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": 0}, "example: option count must be between 1 and 9, got 0."),
        ({"count": 10}, "example: option count must be between 1 and 9, got 10."),
        ({"count": 2.5}, "example: option count takes a whole number, got 2.5."),
        ({"count": True}, "example: option count takes a whole number, got True."),
        ({"count": "many"}, "example: option count takes a whole number, got 'many'."),
        ({"count": None}, "example: option count takes a whole number, got None."),
        ({"count": [1]}, "example: option count takes a whole number, got [1]."),
        ({"count": math.inf}, "example: option count takes a whole number, got inf."),
        ({"count": math.nan}, "example: option count takes a whole number, got nan."),
        ({"share": 1.01}, "example: option share must be between 0.0 and 1.0, got 1.01."),
        ({"share": "half"}, "example: option share takes a number, got 'half'."),
        ({"share": math.nan}, "got nan."),
        ({"flag": 1}, "example: option flag takes true or false, got 1."),
        ({"flag": "true"}, "example: option flag takes true or false, got 'true'."),
        ({"colour": "green"}, "example: option colour takes red or blue, got 'green'."),
        ({"layer": -1}, "example: option layer must be at least 0, got -1."),
        ({"size": 1}, "example has no option 'size'. It has: count, share, flag, colour, layer."),
    ],
)
def test_wrong_values_are_refused_with_what_was_given(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Example.with_options(given)
    assert message in str(caught.value)


def test_options_say_what_they_are() -> None:
    found = {one.name: one.to_dict() for one in Example.option_fields()}
    assert list(found) == ["count", "share", "flag", "colour", "layer"]
    assert [one["type"] for one in found.values()] == ["int", "float", "bool", "choice", "int"]
    assert found["colour"]["choices"] == ["red", "blue"]
    assert found["colour"]["default"] == "red"
    assert [one["optional"] for one in found.values()] == [False, False, False, False, True]
    assert (found["count"]["minimum"], found["count"]["maximum"], found["layer"]["maximum"]) == (1, 9, None)
