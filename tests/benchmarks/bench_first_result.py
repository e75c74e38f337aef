"""From the click to the first method's result in the app, for 20 tokens on bert-mini: seconds, and as a multiple of a plain forward pass.

python tests/benchmarks/bench_first_result.py
"""

from __future__ import annotations

import time

import numpy as np
import torch

from explain.defaults import DEFAULT_METHODS
from explain.interface.tabs.answer import Answer, Seen
from explain.interface.tabs.prediction import prediction
from explain.interface.tabs.rows import Rows
from explain.interface.work.explaining import analysis_of, iter_explanation
from explain.sharing.request import Request
from explain.types import Question

TEXT = "The plot is thin and the pace is slow, but the acting is wonderful and the music stays."
RUNS = 20


def first_result(request: Request, rows: Rows) -> float:
    started = time.perf_counter()
    for progress in iter_explanation(request):
        if progress.explanation.attributions:
            answer = Answer(request, progress.explanation)
            prediction(answer)
            rows.show(Seen(answer))
            break
    return time.perf_counter() - started


def plain_pass(request: Request) -> float:
    with analysis_of(request) as analysis:
        inputs = dict(analysis.encoding.inputs)
        started = time.perf_counter()
        with torch.no_grad():
            analysis.model.model(**inputs)
        return time.perf_counter() - started


def main() -> None:
    request = Request("classification", "bert-mini", Question(TEXT), DEFAULT_METHODS)
    rows = Rows("bench")
    with analysis_of(request) as analysis:
        tokens = len(analysis.encoding.tokens)
    first_result(request, rows)
    results = [first_result(request, rows) for _ in range(RUNS)]
    passes = [plain_pass(request) for _ in range(RUNS)]
    ratio = np.median(results) / np.median(passes)
    print(f"{tokens} tokens: first result after {np.median(results):.3f} s (slowest {max(results):.3f} s), {ratio:.0f} x a plain pass")


if __name__ == "__main__":
    main()
