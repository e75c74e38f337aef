"""A request to the warm app against the computation alone: LRP of one text on bert-mini, over HTTP and in this process.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_request.py [--runs 40]

`gradio_app.py` runs in a process of its own, as on a public Space. Requests and computations take turns, so that what else the machine does
meets both; the tenth fastest of a hundred are compared, and the processors' time of all.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import httpx
import numpy as np
from bench_load import PATIENCE, Case, ask, server

from explain import TokenExplainer

SHORT = "The film is a delight, not a mess."
LONG = " ".join(["The plot is thin and the pace is slow, but the acting is wonderful and the music stays."] * 6)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    given = parser.parse_args()
    with server() as (url, app), httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as client:
        explainer = TokenExplainer.from_pretrained("bert-mini", task="classification")

        def here(text: str) -> int:
            return len(explainer.analyze(text, ["lrp"]).tokens)

        def there(text: str) -> None:
            ask(client, Case("classification", "bert-mini", text, ("lrp",)))

        print("| text | computation, ms | request, ms | beyond 1.5 x, ms | the same, of processors |\n| --- | ---: | ---: | ---: | --- |")
        for text in (SHORT, LONG):
            bare, request, app_seconds, own_seconds = [], [], 0.0, 0.0
            for _ in range(given.runs + 1):
                before = sum(app.cpu_times()[:2])
                request.append(timed(there, text))
                app_seconds = app_seconds + sum(app.cpu_times()[:2]) - before
                started = time.process_time()
                bare.append(timed(here, text))
                own_seconds += time.process_time() - started
            fast = [1000 * float(np.quantile(times[1:], 0.1)) for times in (bare, request)]
            cpu = [1000 * each / (given.runs + 1) for each in (own_seconds, app_seconds)]
            row = " | ".join(f"{each:.0f}" for each in (*fast, fast[1] - 1.5 * fast[0]))
            print(f"| {here(text)} tokens | {row} | {cpu[0]:.0f}, {cpu[1]:.0f}, {cpu[1] - 1.5 * cpu[0]:.0f} |", flush=True)


def timed(call: Callable[[str], object], text: str) -> float:
    started = time.perf_counter()
    call(text)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
