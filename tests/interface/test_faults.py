"""A fault in the middle of any method leaves the model clean: the next request gives the numbers that it would have given."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from zoo import Tiny, tiny

from explain.explainer import TokenExplainer
from explain.interface.serving import TURNS, Run
from explain.methods.catalog import METHODS, make_methods
from explain.models.interruption import checkpoint, interruptible
from explain.types import Array

MOST = 6
FAULTS = (RuntimeError("broken"), torch.OutOfMemoryError("no memory"), KeyboardInterrupt())
CHEAP = {"integrated_gradients": {"steps": 5, "maximum_steps": 20}, "shap": {"evaluations": 40, "estimator": "kernel"}}
MODELS = ("bert-class", "gpt2-next", "t5-span")


@pytest.fixture(scope="module", params=MODELS)
def made(request: pytest.FixtureRequest) -> Tiny:
    return tiny(request.param)


@pytest.fixture(scope="module")
def explainer(made: Tiny) -> Iterator[TokenExplainer]:
    with made.explainer() as explainer:
        yield explainer


def scores(explainer: TokenExplainer, text: str, method: str) -> Array:
    """A sequence is given one output token, so that no passes are spent on writing it."""
    (chosen,) = make_methods([method], {method: CHEAP.get(method, {})})
    asked = {"target": "film"} if explainer.model.task.sequence else {}
    return explainer.ask(text, methods=[chosen], **asked).run(chosen).scores


class Fault:
    """Raises at the checkpoint of this number, or never."""

    def __init__(self, at: int | None = None, error: BaseException | None = None) -> None:
        self.seen = 0
        self._at = at
        self._error = error

    def __call__(self) -> None:
        if self.seen == self._at and self._error is not None:
            raise self._error
        self.seen += 1


@pytest.mark.parametrize("method", METHODS)
def test_after_a_fault_at_any_pass_the_numbers_are_the_same(made: Tiny, explainer: TokenExplainer, method: str) -> None:
    counting = Fault()
    with interruptible(counting):
        before = scores(explainer, made.text, method)
    steps = sorted({round(step) for step in np.linspace(0, counting.seen - 1, MOST)}) if counting.seen else []
    for number, step in enumerate(steps):
        error = FAULTS[number % len(FAULTS)]
        with pytest.raises(type(error)), interruptible(Fault(step, error)):
            scores(explainer, made.text, method)
        np.testing.assert_array_equal(scores(explainer, made.text, method), before)
        assert torch.is_grad_enabled()
    assert all(parameter.grad is None for parameter in made.model.parameters())
    with torch.no_grad():
        inputs = made.plain_inputs()
        assert torch.equal(made.model(**inputs)[0], made.plain(**inputs)[0])


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
def test_after_a_fault_the_next_request_has_its_turn(error: BaseException) -> None:
    def broken() -> None:
        checkpoint()
        raise error

    for _ in range(3):
        with pytest.raises(type(error)):
            Run().call(broken)
    assert Run(5).call(lambda: (checkpoint(), "done")[1]) == "done"
    assert (TURNS.waiting, Run.running) == (0, {})
