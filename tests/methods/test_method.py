"""The contract of a method: what it returns becomes a result that says what it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from zoo import HIDDEN, tiny

from explain import METHODS, InputError, UnsupportedError
from explain.methods.method import Method, MethodResult
from explain.models.score import Score
from explain.types import Family
from methods.test_option import Example


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


@pytest.mark.parametrize("found", [lambda n: np.zeros(n + 1), lambda n: np.zeros((1, n))])
def test_what_is_not_a_number_for_every_token_is_refused(found: Any) -> None:
    made = tiny("bert-class")
    with made.explainer() as explainer, pytest.raises(ValueError, match="asking: "):
        explainer.analyze(made.text, [Asking(found=found)])


def test_what_is_not_finite_is_refused() -> None:
    made = tiny("bert-class")
    with made.explainer() as explainer, pytest.raises(UnsupportedError, match="Asking gives no finite numbers"):
        explainer.analyze(made.text, [Asking(found=lambda n: np.full(n, np.nan))])


def test_the_check_comes_before_the_work() -> None:
    @dataclass(frozen=True)
    class Inside(Asking):
        needs_attention = True

    made = tiny(next(iter(HIDDEN)))
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        with pytest.raises(UnsupportedError, match=r"Asking needs the attention of .* XLNetForSequenceClassification does not send it"):
            Inside(found=pytest.fail).attribute(score)
