"""Options: read from a method's fields, parsed and bounded."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from explain import METHODS, InputError, UnknownMethodError
from explain.methods.attention import AttentionWeights
from explain.methods.integrated_gradients import Baseline, IntegratedGradients
from explain.methods.method import Method, completeness_gap, option
from explain.methods.catalog import make_methods, method_class
from explain.types import Family


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

    def attribute(self, model: Any, question: Any) -> Any:
        raise NotImplementedError


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


@pytest.mark.parametrize("method", METHODS)
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


def test_method_names_are_a_contract() -> None:
    names = [method.name for method in METHODS]
    contract = "attention attention_rollout attention_flow value_zeroing head_ablation layer_ablation input_x_gradient"
    assert set(f"{contract} integrated_gradients shap lrp occlusion".split()) <= set(names)
    assert len(set(names)) == len(names)
    assert all(method_class(name).name == name for name in names)


def test_methods_are_made_from_names_options_and_themselves() -> None:
    own = AttentionWeights(layer=1)
    found = make_methods(["integrated_gradients", own], {"integrated_gradients": {"baseline": "pad", "steps": 30}})
    assert found == (IntegratedGradients(baseline=Baseline.PAD, steps=30), own)
    assert make_methods("lrp") == (method_class("lrp")(),)


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        (["lime"], {}, UnknownMethodError, "The method 'lime' is not known. Choose from: attention, "),
        ([], {}, InputError, "No method was chosen"),
        (["lrp", "lrp"], {}, InputError, "The method lrp was given twice"),
        (["lrp"], {"attention": {"layer": 1}}, InputError, "Options were given for attention, which was not chosen. Chosen: lrp."),
        (["lrp"], {"lime": {}}, UnknownMethodError, "The method 'lime' is not known"),
        (["attention"], {"attention": {"layer": -1}}, InputError, "attention: option layer must be at least 0, got -1."),
    ],
)
def test_wrong_methods_are_refused(given: list[str], options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        make_methods(given, options)
    assert message in str(caught.value)


def test_the_completeness_gap_is_relative() -> None:
    import numpy as np

    assert completeness_gap(np.array([1.0, 2.5]), 5.0, 1.0) == pytest.approx(0.5 / 4.0)
    assert completeness_gap(np.array([1.0, -1.0]), 2.0, 2.0) == 0.0
    assert completeness_gap(np.array([0.25, 0.0]), 2.0, 2.0) == 0.25
    assert completeness_gap(np.array([-4.0]), 1.0, 5.0) == 0.0
