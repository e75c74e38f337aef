"""A request to the warm app against the computation alone: LRP of one text on bert-mini, over HTTP and in this process.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_request.py [--runs 40]

`gradio_app.py` runs in a process of its own, as on a public Space. Requests and computations take turns, so that what else the machine does
meets both; the tenth fastest of a hundred are compared, and the processors' time of all.
"""

from __future__ import annotations

import argparse
import time

import httpx
import numpy as np
import psutil
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

        def nothing(text: str) -> None:
            client.post("/gradio_api/run/health", json={"data": []}).raise_for_status()

        print("| text | computation, ms | request, ms | request for nothing, ms | the same three in processor time |")
        print("| --- | ---: | ---: | ---: | --- |")
        for text in (SHORT, LONG):
            taken = {call: ([], []) for call in (here, there, nothing)}  # type: dict[Callable[[str], object], tuple[list[float], list[float]]]
            for _ in range(given.runs + 1):
                for call, (walls, processors) in taken.items():
                    wall, processor = time.perf_counter(), used(app)
                    call(text)
                    walls.append(1000 * (time.perf_counter() - wall))
                    processors.append(1000 * (used(app) - processor))
            fast = " | ".join(f"{np.quantile(walls[1:], 0.1):.0f}" for walls, _ in taken.values())
            of_processors = ", ".join(f"{np.mean(processors[1:]):.0f}" for _, processors in taken.values())
            print(f"| {here(text)} tokens | {fast} | {of_processors} |", flush=True)


def used(app: psutil.Process) -> float:
    """Processor seconds of the app and of this process."""
    times = app.cpu_times()
    return float(times.user + times.system) + time.process_time()


if __name__ == "__main__":
    main()
