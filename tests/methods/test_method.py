"""The contract of a method: what it returns becomes a result, and its options are read from its fields, parsed and bounded."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pytest
import torch
from zoo import HIDDEN, tiny

from explain import METHODS, InputError, UnsupportedError
from explain.methods.method import Method, MethodResult, completeness_gap
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


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_every_method_describes_itself(method: type[Method]) -> None:
    described = json.loads(json.dumps(method.describe(), allow_nan=False))
    assert described["name"] == method.name == method.name.lower().replace(" ", "_")
    for text in ("title", "summary", "caution", "reference"):
        assert described[text].strip()
    assert not (method.family is Family.EXTERNAL and method.target_blind)
    defaults = {one["name"]: one["default"] for one in described["options"]}
    assert method.with_options(defaults) == method()
    assert method().options == defaults
    for one in described["options"]:
        assert one["help"].strip()
        if one["minimum"] is not None and one["default"] is not None:
            assert one["minimum"] <= one["default"]
        if one["maximum"] is not None and one["default"] is not None:
            assert one["default"] <= one["maximum"]
    with pytest.raises(InputError, match=f"{method.name} has no option 'nothing'"):
        method.with_options({"nothing": 1})


def test_the_completeness_gap_is_relative() -> None:
    assert completeness_gap(np.array([1.0, 2.5]), 5.0, 1.0) == pytest.approx(0.5 / 4.0)
    assert completeness_gap(np.array([1.0, -1.0]), 2.0, 2.0) == 0.0
    assert completeness_gap(np.array([0.25, 0.0]), 2.0, 2.0) == 0.25
    assert completeness_gap(np.array([-4.0]), 1.0, 5.0) == 0.0


@dataclass(frozen=True)
class Asking(Example):
    """Asks the model three times and returns what it is told to."""

    name = "asking"
    title = "Asking"
    summary = "Asks three times."
    caution = "Says nothing."
    found: Any = None

    def compute(self, score: Score) -> Any:
        score.answers(rows=3)
        return self.found(len(score.encoding.tokens))

    @property
    def options(self) -> dict[str, Any]:
        return {"count": self.count}


@pytest.mark.parametrize(
    "found",
    [
        lambda n: np.arange(n, dtype=np.float64),
        lambda n: np.arange(n, dtype=np.float32),
        lambda n: torch.arange(n, dtype=torch.float32, requires_grad=True),
        lambda n: MethodResult(np.arange(n, dtype=np.float64)),
        lambda n: MethodResult(torch.arange(n, dtype=torch.float64), output=7.0, maps={"map": np.zeros(2)}, positions=(1,), gap=0.5),
    ],
    ids=["array", "float32", "tensor", "result", "more"],
)
def test_what_a_method_finds_becomes_a_result_that_says_what_it_is(found: Any) -> None:
    made = tiny("bert-class")
    with made.explainer() as explainer:
        score = explainer.ask(made.text, target=1, foil=0, unit="log_probability").scores[0]
        score.answers(rows=5)  # what was asked before is not this method's
        one = Asking(count=4, found=found).attribute(score)
    assert one.scores.dtype == np.float64
    assert one.scores.tolist() == list(range(len(score.encoding.tokens)))
    assert one.passes == 3
    assert (one.method, one.title, one.summary, one.caution) == ("asking", "Asking", "Asks three times.", "Says nothing.")
    assert (one.family, one.signed, one.target_blind) == (Family.EXTERNAL, True, False)
    assert (one.target, one.foil, one.unit, one.tokens) == (score.target, score.foil, score.unit, score.encoding.tokens)
    assert one.options == {"count": 4}
    assert one.seconds > 0
    assert one.baseline_output is None
    more = found(2) if isinstance(found(2), MethodResult) else None
    if more is not None and more.output is not None:
        assert (one.output, one.gap, one.positions, list(one.maps)) == (7.0, 0.5, (1,), ["map"])
    else:
        assert one.output == pytest.approx(score.anew().value(), abs=1e-6)
        assert (one.gap, one.positions, one.maps) == (None, (), {})


@pytest.mark.parametrize("found", [lambda n: np.zeros(n + 1), lambda n: np.full(n, np.nan), lambda n: np.zeros((1, n))])
def test_what_is_not_a_number_for_every_token_is_refused(found: Any) -> None:
    made = tiny("bert-class")
    with made.explainer() as explainer, pytest.raises(ValueError, match="asking: "):
        explainer.analyze(made.text, [Asking(found=found)])


def test_the_check_comes_before_the_work() -> None:
    @dataclass(frozen=True)
    class Inside(Asking):
        needs_attention = True

    made = tiny(next(iter(HIDDEN)))
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        with pytest.raises(UnsupportedError, match=r"Asking needs the attention of .* DebertaV2ForMaskedLM does not send it"):
            Inside(found=pytest.fail).attribute(score)
