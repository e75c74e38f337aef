"""Runs end when they are stopped or late, between two forward passes; what they cost is told before."""

from __future__ import annotations

import threading
import time

import pytest

from explain import METHODS, InputError, StoppedError, TokenExplainer
from explain.cost import expected_cost
from explain.interface.serving import Run, explain_steps
from explain.methods.catalog import make_methods
from explain.models.interruption import checkpoint, interruptible
from explain.sharing.request import Request

TEXT = "the plot is thin but the acting is wonderful and the music stays with you"


def request(*methods: str, **options: dict[str, object]) -> Request:
    return Request("classification", TEXT, "bert-mini", methods, options=options)


def test_a_run_ends_within_a_pass_of_being_stopped() -> None:
    run = Run()
    steps = run.steps(explain_steps(request("attention", "shap", shap={"evaluations": 20_000})))
    assert next(steps).running == "Attention"
    assert next(steps).running == "SHAP"
    stopping = threading.Timer(0.5, Run.stop, [run.token])
    stopping.start()
    started = time.perf_counter()
    with pytest.raises(StoppedError, match=r"^Stopped\.$"):
        next(steps)
    assert time.perf_counter() - started < 20  # all evaluations take minutes
    Run.stop(run.token)
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        assert explainer.analyze(TEXT, ["occlusion"])["occlusion"].passes > 1


def test_a_run_has_a_deadline() -> None:
    steps = Run(0.2).steps(explain_steps(request("shap", shap={"evaluations": 20_000})))
    with pytest.raises(StoppedError, match=r"Stopped after 0\.2 s"):
        list(steps)
    with pytest.raises(StoppedError, match="Choose fewer"):
        Run(0).call(lambda: list(explain_steps(request("attention"))))


def test_only_the_run_itself_is_stopped() -> None:
    one, other = Run(), Run()
    first, second = one.steps(iter(range(3))), other.steps(iter(range(3)))
    assert (next(first), next(second)) == (0, 0)
    Run.stop(one.token)
    Run.stop("no such run")
    assert list(second) == [1, 2]
    with pytest.raises(StoppedError), interruptible(one._check):
        checkpoint()
    checkpoint()


def test_nothing_is_active_between_the_steps() -> None:
    def failing() -> None:
        raise InputError("checked")

    def work() -> object:
        checkpoint()
        yield 1
        checkpoint()
        yield 2

    run = Run()
    for _ in run.steps(work()):  # type: ignore[arg-type]
        run._check = failing  # type: ignore[method-assign]
        checkpoint()
        run._check = lambda: None  # type: ignore[method-assign]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_the_expected_passes_are_about_those_spent(method: type) -> None:
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        analysis = explainer.ask(TEXT)
        chosen = make_methods([method.name])[0]  # type: ignore[attr-defined]
        cost = expected_cost(analysis, [chosen])
        expected = cost.passes[chosen.name]
        spent = analysis.run(chosen).passes
    assert cost.seconds([chosen.name]) == pytest.approx(expected * cost.seconds_per_pass)
    assert expected / 4 <= spent <= 4 * expected


def test_the_rest_of_a_run_costs_less_and_less() -> None:
    left = [progress.left for progress in explain_steps(request("attention", "head_ablation", "occlusion"))]
    assert left == sorted(left, reverse=True)
    assert left[0] > 0
    assert left[-1] == 0
