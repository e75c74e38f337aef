"""Runs end when they are stopped or late, between two forward passes; what they cost is told before."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import pytest
import torch
from gradio_client import Client

from explain import METHODS, InputError, StoppedError, TokenExplainer
from explain.cost import expected_cost
from explain.interface import endpoints
from explain.interface.serving import LANES, TURNS, Run, guarded, message_of, shown_error
from explain.interface.work.explaining import explain, iter_explanation
from explain.methods.catalog import make_methods
from explain.models.interruption import checkpoint, interruptible
from explain.models.score import Score
from explain.sharing.request import Request
from explain.types import Question

TEXT = "the plot is thin but the acting is wonderful and the music stays with you"


def request(*methods: str, **options: dict[str, object]) -> Request:
    return Request("classification", "bert-mini", Question(TEXT), methods, options)


def test_a_run_ends_within_a_pass_of_being_stopped() -> None:
    run = Run()
    steps = run.steps(iter_explanation(request("attention", "shap", shap={"evaluations": 20_000})))
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
    steps = Run(0.2).steps(iter_explanation(request("shap", shap={"evaluations": 20_000})))
    with pytest.raises(StoppedError, match=r"Stopped after 0\.2 s"):
        list(steps)
    with pytest.raises(StoppedError, match="Choose fewer"):
        Run(0).call(lambda: list(iter_explanation(request("attention"))))


def test_only_who_watches_pays_for_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    of_rows = Score.of_rows

    def counted(self: Score, inputs: dict[str, torch.Tensor], positions: torch.Tensor | None) -> torch.Tensor:
        passes.append(len(inputs["input_ids"]))
        return of_rows(self, inputs, positions)

    monkeypatch.setattr(Score, "of_rows", counted)
    asked = request("lrp")
    assert explain(asked)["lrp"].passes == 1
    assert passes == []
    *_, last = iter_explanation(asked)
    assert last.explanation["lrp"].passes == 1
    assert passes == [1]


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
    with pytest.raises(StoppedError, match=r"^Stopped\.$"):
        list(first)


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


@pytest.mark.parametrize("method", METHODS)
def test_the_expected_passes_are_about_those_spent(method: str) -> None:
    with TokenExplainer.from_pretrained("distilbert-mini", task="classification") as explainer:
        analysis = explainer.ask(TEXT)
        chosen = make_methods([method])[0]
        cost = expected_cost(analysis, [chosen])
        expected = cost.passes[chosen.name]
        spent = analysis.run(chosen).passes
        if method == "value_zeroing":  # whose rows go through one layer each
            spent //= sum(analysis.model.attention_groups.values())
    assert cost.seconds([chosen.name]) == pytest.approx(cost.seconds_alone + (expected - 1) * cost.seconds_per_pass)
    assert expected / 4 <= spent <= 4 * expected


def test_the_rest_of_a_run_costs_less_and_less() -> None:
    left = [progress.left for progress in iter_explanation(request("attention", "head_ablation", "occlusion"))]
    assert left == sorted(left, reverse=True)
    assert left[0] > 0
    assert left[-1] == 0


def test_the_deadline_counts_computing_and_not_waiting() -> None:
    TURNS.take(lambda: None)
    run = Run(0.5)

    def work() -> int:
        checkpoint()
        return 1

    held = threading.Timer(1.0, TURNS.give)
    held.start()
    assert run.call(work) == 1
    assert 0.8 < run.record.waited <= run.record.seconds


def test_a_run_that_waits_for_its_turn_can_be_stopped() -> None:
    TURNS.take(lambda: None)
    run = Run()
    stopping = threading.Timer(0.2, Run.stop, [run.token])
    stopping.start()
    try:
        with pytest.raises(StoppedError, match="Stopped"):
            run.call(checkpoint)
    finally:
        TURNS.give()
    assert TURNS.waiting == 0
    assert Run(1).call(lambda: (checkpoint(), 2)[1]) == 2


@pytest.mark.parametrize("error", [InputError("said"), RuntimeError("secret"), KeyboardInterrupt()])
def test_the_turn_is_given_back_whatever_happens(error: BaseException) -> None:
    def work() -> None:
        checkpoint()
        raise error

    with pytest.raises(type(error)):
        Run().call(work)
    assert TURNS.take(lambda: None) == 0.0
    TURNS.give()


def test_a_run_within_a_run_has_its_turn() -> None:
    def work() -> int:
        checkpoint()
        return Run(5).call(lambda: (checkpoint(), 3)[1])

    assert Run(5).call(work) == 3
    assert TURNS.take(lambda: None) == 0.0
    TURNS.give()


def test_a_stream_that_is_left_is_over() -> None:
    def work() -> object:
        for number in range(3):
            checkpoint()
            yield number

    run = Run()
    steps = run.steps(work())  # type: ignore[arg-type]
    assert next(steps) == 0
    assert run.token in Run.running
    steps.close()
    assert run.token not in Run.running
    assert TURNS.take(lambda: None) == 0.0
    TURNS.give()


MARKUP = '<img src=x onerror="alert(1)">'


def test_the_page_gets_errors_as_text_and_a_client_word_for_word() -> None:
    assert shown_error(MARKUP).message == '&lt;img src=x onerror="alert(1)"&gt;'
    assert shown_error(MARKUP, page=False).message == MARKUP

    def refuse(_: str) -> None:
        raise InputError(f"No {MARKUP}")

    with pytest.raises(gr.Error) as shown:
        guarded(refuse)(MARKUP)
    assert "<" not in str(shown.value.message)
    with pytest.raises(gr.Error) as sent:
        guarded(refuse, page=False)(MARKUP)
    assert str(sent.value.message) == f"No {MARKUP}"


def test_an_error_has_one_reference_wherever_it_is_told() -> None:
    def work() -> object:
        yield 1
        raise RuntimeError("secret")

    run = Run()
    with pytest.raises(RuntimeError) as found:
        list(run.steps(work()))  # type: ignore[arg-type]
    assert message_of(found.value) == message_of(found.value)
    assert message_of(found.value).endswith(f"reference {run.token}.")
    assert "secret" not in message_of(found.value)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[gr.Blocks]:
    """The endpoints alone, for two requests at once and one that waits; it listens every quarter of a second for who is still there."""
    monkeypatch.setenv("GRADIO_HEARTBEAT_INTERVAL", "0.25")
    with gr.Blocks(analytics_enabled=False) as demo:
        endpoints.build()
        demo.unload(Run.leave)
    demo.queue(max_size=1).launch(server_name="127.0.0.1", server_port=free_port(), prevent_thread_lock=True, quiet=True, inbrowser=False)
    yield demo
    demo.close(verbose=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def started(client: Client) -> Any:
    """A request of minutes."""
    return client.submit(TEXT, methods=["shap"], options={"shap": {"evaluations": 20_000}}, api_name="/classification")


def test_work_of_a_visitor_who_left_ends_and_that_of_others_goes_on(server: gr.Blocks) -> None:
    stays, leaves = (Client(server.local_url, verbose=False, analytics_enabled=False) for _ in range(2))
    started(stays)
    until(lambda: len(Run.running) == 1)
    (kept,) = Run.running
    started(leaves)
    until(lambda: len(Run.running) == 2)
    leaves.close()
    until(lambda: len(Run.running) == 1)
    assert list(Run.running) == [kept]
    Run.stop(kept)
    until(lambda: not Run.running)
    stays.close()


def test_who_comes_to_a_full_queue_is_told_so_and_all_others_are_served(server: gr.Blocks) -> None:
    client = Client(server.local_url, verbose=False, analytics_enabled=False)
    running: list[Any] = []
    for _ in range(LANES["concurrency_limit"]):
        running.append(started(client))
        until(lambda: len(Run.running) == len(running))
    waits = client.submit("A fine film.", methods=["lrp"], api_name="/classification")
    until(lambda: waits.status().rank == 0)
    with pytest.raises(Exception, match="Queue is full"):
        client.predict("A fine film.", methods=["lrp"], api_name="/classification")
    for token in list(Run.running):
        Run.stop(token)
    assert waits.result(timeout=120)["methods"]["lrp"]["scores"]
    for job in running:
        with pytest.raises(Exception, match="Stopped"):
            job.result(timeout=60)
    client.close()
