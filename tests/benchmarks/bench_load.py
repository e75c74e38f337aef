"""Many clients for minutes: every answer is compared with the one that was given alone; latencies, memory and outcomes are reported.

    python tests/benchmarks/bench_load.py [--clients 64] [--minutes 10]     a load
    python tests/benchmarks/bench_load.py --clients 8 --minutes 30           a soak

`gradio_app.py` runs in a process of its own, as on a public Space. Each client asks one request after the other: mixed tasks, short and
long ones.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

ROOT = Path(__file__).parents[2]
PATIENCE = 900.0
EVERY = 5.0
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Case:
    """A request, and whether a person expects its answer at once."""

    task: str
    model: str
    text: str
    methods: tuple[str, ...]
    short: bool = True
    target: str | None = None


CASES = (
    Case("classification", "bert-mini", "The film is a delight, not a mess.", ("lrp",)),
    Case("classification", "distilbert-mini", "A dull and tedious evening.", ("input_x_gradient", "attention")),
    Case("masked_lm", "bert-mini", "The keys to the cabinet [MASK] on the table.", ("lrp", "occlusion")),
    Case("next_token", "gpt2-mini", "The young woman walked into the", ("lrp", "attention_rollout")),
    Case("embedding", "bert-mini", "The dog slept in the garden.", ("lrp",)),
    Case("span_infilling", "t5-mini", "She went to the <extra_id_0> to buy some bread.", ("lrp",), target="store"),
    Case("generation", "gpt2-mini", "The government announced that", ("lrp", "occlusion"), False, " it would"),
    Case("classification", "bert-mini", "The plot is thin and slow, but the acting is wonderful.", ("shap", "lrp"), False),
    Case("masked_lm", "distilbert-mini", "She put the bread on the [MASK] and sat down.", ("integrated_gradients", "head_ablation"), False),
    Case("next_token", "gpt2-mini", "The patient has to take the", ("attention_flow", "value_zeroing", "layer_ablation"), False),
)
WRONG = Case("classification", "bert-mini", "A film.", ("lrp",), target="angry")


class Busy(Exception):
    """The server says that too many wait."""


@dataclass
class Seen:
    """What the clients saw."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: dict[bool, list[float]] = field(default_factory=lambda: {True: [], False: []})
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, outcome: str, case: Case, seconds: float, fault: str = "") -> None:
        with self.lock:
            self.outcomes[outcome] += 1
            if outcome == "right":
                self.seconds[case.short].append(seconds)
            if fault:
                self.faults.append(fault)


def ask(client: httpx.Client, case: Case) -> dict[str, Any]:
    """The answer of the task's endpoint.

    Raises:
        Busy: Too many wait.
        RuntimeError: There was no answer; what was said instead.
    """
    body = {"text": case.text, "model": case.model, "methods": list(case.methods)}
    if case.target is not None:
        body["target"] = case.target
    begun = client.post(f"/gradio_api/call/v2/{case.task}", json=body)
    if begun.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        raise Busy(begun.text)
    begun.raise_for_status()
    with client.stream("GET", f"/gradio_api/call/{case.task}/{begun.json()['event_id']}") as lines:
        event = ""
        for line in lines.iter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: ") and event == "complete":
                answer: dict[str, Any] = json.loads(line.removeprefix("data: "))[0]
                return answer
            elif line.startswith("data: ") and event == "error":
                raise RuntimeError(line.removeprefix("data: "))
    raise RuntimeError("the stream ended without an answer")


def scores(answer: dict[str, Any]) -> np.ndarray[Any, Any]:
    return np.concatenate([method["scores"] for method in answer["methods"].values()])


def visit(url: str, number: int, until: float, alone: dict[Case, np.ndarray[Any, Any]], seen: Seen) -> None:
    """Ask until the time is over; now and then something wrong."""
    chance = random.Random(number)
    with httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as client:
        while time.monotonic() < until:
            case = WRONG if chance.random() < 0.05 else chance.choice(CASES)
            started = time.monotonic()
            try:
                found = scores(ask(client, case))
            except Busy:
                seen.note("busy", case, 0.0)
                time.sleep(1 + chance.random())
            except (RuntimeError, httpx.HTTPError) as error:
                refused = case is WRONG and "angry" in str(error)
                seen.note("refused, as it must be" if refused else "failed", case, 0.0, "" if refused else f"{case.task}: {error!r}")
            else:
                same = case is not WRONG and found.shape == alone[case].shape and np.allclose(found, alone[case], rtol=0, atol=TOLERANCE)
                seen.note("right" if same else "wrong", case, time.monotonic() - started, "" if same else f"{case.task}: other scores")


@contextmanager
def server() -> Iterator[tuple[str, psutil.Process]]:
    """The app in a process of its own."""
    environment = {**os.environ, "SYSTEM": "spaces", "GRADIO_SSR_MODE": "False", "HF_HUB_OFFLINE": "1"}
    port = 7000 + os.getpid() % 900
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, str(ROOT / "gradio_app.py"), "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            until = time.monotonic() + PATIENCE
            while not _alive(url):
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise SystemExit(log.read().decode())
                time.sleep(1)
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(60)


def _alive(url: str) -> bool:
    try:
        return httpx.get(f"{url}/config", trust_env=False, timeout=10).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def left() -> int:
    """Files in the folder of gradio."""
    return sum(len(names) for _, _, names in os.walk(Path(tempfile.gettempdir()) / "gradio"))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    with server() as (url, process):
        with httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as client:
            alone = {case: scores(ask(client, case)) for case in CASES}
            quick = [case for case in CASES if case.short]
            started = time.monotonic()
            for case in quick:
                ask(client, case)
            seconds = (time.monotonic() - started) / len(quick)
        print(f"alone: a short request takes {seconds:.2f} s")
        memory, seen, before = [process.memory_info().rss], Seen(), left()
        until = time.monotonic() + 60 * given.minutes
        began = process.cpu_times()
        with ThreadPoolExecutor(given.clients) as pool:
            clients = [pool.submit(visit, url, number, until, alone, seen) for number in range(given.clients)]
            while not all(client.done() for client in clients):
                time.sleep(EVERY)
                memory.append(process.memory_info().rss)
            for client_done in clients:
                client_done.result()
        used = process.cpu_times()
        files = left() - before
    print(f"{given.clients} clients, {given.minutes:g} minutes: " + ", ".join(f"{n} {what}" for what, n in seen.outcomes.most_common()))
    for short, name in ((True, "short"), (False, "long")):
        if seen.seconds[short]:
            low, high, last = np.percentile(seen.seconds[short], [50, 95, 100])
            print(f"{name} requests: median {low:.1f} s, 95 % within {high:.1f} s, last {last:.1f} s")
    start, end = memory[0] / 2**20, memory[-1] / 2**20
    print(f"memory: {start:.0f} MiB at the start, at most {max(memory) / 2**20:.0f}, {end:.0f} at the end")
    print(f"CPU: {used.user + used.system - began.user - began.system:.0f} s; files that came to gradio's folder: {files}")
    for fault in sorted(set(seen.faults))[:10]:
        print(f"  {fault[:300]}")
    if seen.outcomes["wrong"] or seen.outcomes["failed"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
