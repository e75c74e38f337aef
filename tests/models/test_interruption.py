"""Long work ends between two passes, whichever method does it, and leaves the model clean."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from zoo import tiny

from explain import METHODS, InputError, StoppedError
from explain.models import passes, probes, seams
from explain.models.interruption import attempt, checkpoint, interruptible

VARIABLES = (probes._WATCHER, passes.PASS, seams.EMBEDDINGS, seams.NONLINEAR, seams.TRUNK)
FEWER = {"shap": {"evaluations": 60, "estimator": "kernel"}, "integrated_gradients": {"maximum_steps": 100}}
"""Options with which a method makes a few passes only."""


class Stop:
    """Raises before the pass of this number (from 0)."""

    def __init__(self, number: int) -> None:
        self.left, self.seen = number, 0

    def __call__(self) -> None:
        self.seen += 1
        if self.left == 0:
            raise StoppedError("Enough.")
        self.left -= 1


def test_the_check_is_asked_only_within() -> None:
    stop = Stop(10**9)
    checkpoint()
    with interruptible(stop):
        checkpoint()
        with interruptible(lambda: None):
            checkpoint()
        checkpoint()
    checkpoint()
    assert stop.seen == 2


@pytest.mark.parametrize("name", ["bert-class", "gpt2-next", "t5-span"])
@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_is_stopped_leaves_the_model_clean(method: str, name: str) -> None:
    made = tiny(name)
    options = {method: FEWER[method]} if method in FEWER else {}
    asked = {"target": "bad"} if name == "t5-span" else {}
    inputs = made.plain_inputs()
    with made.explainer() as explainer, torch.no_grad():
        plain = made.model(**inputs)[0]
        before = [variable.get() for variable in VARIABLES]
        counting = Stop(10**9)
        with interruptible(counting):
            whole = explainer.analyze(made.text, [method], options=options, **asked)[method]
        for number in sorted({0, 1, counting.seen // 2, counting.seen - 1} & set(range(counting.seen))):
            with pytest.raises(StoppedError, match="Enough"), interruptible(Stop(number)):
                explainer.analyze(made.text, [method], options=options, **asked)
            assert [variable.get() for variable in VARIABLES] == before
            assert torch.equal(made.model(**inputs)[0], plain)
        again = explainer.analyze(made.text, [method], options=options, **asked)[method]
    assert np.array_equal(again.scores, whole.scores)
    assert (again.output, again.passes) == (whole.output, whole.passes)


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_fails_in_the_middle_is_clean_afterwards(method: str) -> None:
    """Not between two passes but within one: a layer raises."""
    made = tiny("t5-class")
    inputs = made.plain_inputs()
    chosen = METHODS[method].with_options(FEWER.get(method, {}))
    calls, failing = [0], [10**9]

    def fail(*_: object) -> None:
        calls[0] += 1
        if calls[0] > failing[0]:
            raise RuntimeError("out of memory")

    made.model.transformer.encoder.block[1].layer[0].register_forward_hook(fail)
    with made.explainer() as explainer:
        with torch.no_grad():
            plain = made.model(**inputs)[0]
        score = explainer.ask(made.text).scores[0]
        before = [variable.get() for variable in VARIABLES]
        calls[0] = 0
        whole = chosen.attribute(score.anew())
        needed = calls[0]
        for number in sorted({0, needed // 2, needed - 1}):
            calls[0], failing[0] = 0, number
            with pytest.raises(RuntimeError, match="out of memory"):
                chosen.attribute(score.anew())
            failing[0] = 10**9
            assert [variable.get() for variable in VARIABLES] == before
            with torch.no_grad():
                assert torch.equal(made.model(**inputs)[0], plain)
        again = chosen.attribute(score.anew())
    assert np.array_equal(again.scores, whole.scores)


def test_what_fails_is_its_error_but_a_stop_is_a_stop() -> None:
    def work(error: Exception) -> int:
        raise error

    assert attempt(lambda: 3) == 3
    failed = attempt(lambda: work(InputError("no")))
    assert isinstance(failed, InputError)
    assert failed.__traceback__ is None
    for error in (StoppedError("stop"), RuntimeError("a fault of ours")):
        with pytest.raises(type(error)):
            attempt(lambda error=error: work(error))
