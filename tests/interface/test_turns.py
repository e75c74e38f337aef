"""Turns between passes: everybody comes to it, in order, and nobody holds it while others wait for longer than a slice."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from explain.errors import StoppedError
from explain.interface.serving import TURNS, Run
from explain.interface.turns import Turn, Turns
from explain.interface.work.explaining import iter_explanation
from explain.models.score import Score
from explain.sharing.request import Request
from explain.types import Question

TEXT = "the plot is thin but the acting is wonderful and the music stays with you for a very long time"


def test_only_one_computes_at_a_time_and_all_come_to_it() -> None:
    turns = Turns(0.0)
    inside, most, done = 0, 0, []
    lock = threading.Lock()

    def work(name: int) -> None:
        nonlocal inside, most
        turn = Turn(turns)
        for _ in range(30):
            turn.checkpoint(lambda: None)
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.0005)
            with lock:
                inside -= 1
        turn.end()
        done.append(name)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert most == 1
    assert sorted(done) == list(range(6))
    assert turns.waiting == 0
    assert turns.take(lambda: None) == 0.0


def test_the_line_is_served_in_order() -> None:
    turns = Turns()
    turns.take(lambda: None)
    order: list[int] = []
    threads = []
    for name in range(5):
        threads.append(threading.Thread(target=lambda name=name: (turns.take(lambda: None), order.append(name), turns.give())))
        threads[-1].start()
        while turns.waiting <= name:
            time.sleep(0.001)
    turns.give()
    for thread in threads:
        thread.join()
    assert order == list(range(5))


def test_a_turn_is_kept_for_a_slice_and_alone_for_ever() -> None:
    turns = Turns(0.2)
    turn = Turn(turns)
    turn.checkpoint(lambda: None)
    for _ in range(100):
        assert turn.checkpoint(lambda: None) == 0.0
    came = threading.Event()
    other = threading.Thread(target=lambda: (turns.take(lambda: None), came.set(), turns.give()))
    began = time.monotonic()
    other.start()
    while not came.is_set():
        turn.checkpoint(lambda: None)
        time.sleep(0.005)
    assert time.monotonic() - began < 2.0
    turn.end()
    other.join()
    assert turns.take(lambda: None) == 0.0


def test_who_gives_up_waiting_leaves_the_line() -> None:
    turns = Turns()
    turns.take(lambda: None)

    def stop() -> None:
        raise StoppedError("Stopped.")

    with pytest.raises(StoppedError):
        turns.take(stop)
    assert turns.waiting == 0
    turns.give()
    assert turns.take(lambda: None) == 0.0


def request(text: str, method: str, **options: object) -> Request:
    return Request("classification", "bert-mini", Question(text), (method,), {method: options} if options else {})


def test_a_short_request_is_done_while_a_long_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """SHAP with 20,000 evaluations, whose passes are held for a tenth of a second, hands over between them."""
    logits = Score.logits_of_rows
    long, held = Run(name="long"), threading.Event()

    def slow(self: Score, inputs: dict[str, object], positions: object) -> object:
        found = logits(self, inputs, positions)  # type: ignore[arg-type]
        if threading.current_thread().name == "long":
            held.set()
            time.sleep(0.1)
        return found

    monkeypatch.setattr(Score, "logits_of_rows", slow)
    ended: list[BaseException] = []

    def run_long() -> None:
        try:
            list(long.steps(iter_explanation(request(TEXT, "shap", evaluations=20_000))))
        except StoppedError as error:
            ended.append(error)

    thread = threading.Thread(target=run_long, name="long")
    thread.start()
    assert held.wait(120)
    before, short = long.record.passes, Run(name="short")
    *_, last = short.steps(iter_explanation(request("A fine film.", "lrp")))
    during = long.record.passes - before
    assert last.explanation["lrp"].scores.size == 6
    assert thread.is_alive()
    # at each of its checkpoints the short request may find the long one at the start of a slice of one pass, and one more begun
    assert during <= 2 * (short.record.passes + 1)
    assert short.record.waited < 0.4 * (short.record.passes + 1) + 1
    Run.stop(long.token)
    thread.join(60)
    assert [str(error) for error in ended] == ["Stopped."]
    assert TURNS.waiting == 0


def test_two_at_once_get_the_numbers_that_each_gets_alone() -> None:
    asked = [request(TEXT, name) for name in ("lrp", "integrated_gradients", "occlusion", "attention")]

    def scores(one: Request) -> list[float]:
        *_, last = Run().steps(iter_explanation(one))
        return [float(score) for score in last.explanation[one.methods[0]].scores]

    alone = [scores(one) for one in asked]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(scores, asked * 2))
    for one, other in zip(alone * 2, together, strict=True):
        assert other == pytest.approx(one, rel=1e-5, abs=1e-6)
