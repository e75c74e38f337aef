"""From the click to the first method's result in the app, for 20 tokens on bert-mini: seconds, and as a multiple of a plain forward pass.

python tests/benchmarks/bench_first_result.py
"""

from __future__ import annotations

import time

import numpy as np
import torch

from explain.defaults import DEFAULT_METHODS
from explain.interface import views
from explain.interface.serving import asked, explain_steps
from explain.sharing.request import Request

TEXT = "The plot is thin and the pace is slow, but the acting is wonderful and the music stays."
RUNS = 20


def first_result(request: Request) -> float:
    started = time.perf_counter()
    for progress in explain_steps(request):
        if progress.explanation.attributions:
            views.picture(progress.explanation, False, True, "per method", views.HEATMAP)
            views.texts(progress.explanation, False, True, "per method")
            break
    return time.perf_counter() - started


def plain_pass(request: Request) -> float:
    with asked(request) as analysis:
        inputs = dict(analysis.encoding.inputs)
        started = time.perf_counter()
        with torch.no_grad():
            analysis.model.model(**inputs)
        return time.perf_counter() - started


def main() -> None:
    request = Request("classification", TEXT, "bert-mini", list(DEFAULT_METHODS))
    with asked(request) as analysis:
        tokens = len(analysis.encoding.tokens)
    first_result(request)
    results = [first_result(request) for _ in range(RUNS)]
    passes = [plain_pass(request) for _ in range(RUNS)]
    ratio = np.median(results) / np.median(passes)
    print(f"{tokens} tokens: first result after {np.median(results):.3f} s (slowest {max(results):.3f} s), {ratio:.0f} x a plain pass")


if __name__ == "__main__":
    main()
