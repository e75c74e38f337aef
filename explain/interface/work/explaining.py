"""From what a visitor asked to its explanation, method by method."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from explain.analysis import Analysis
from explain.cost import expected_cost
from explain.explainer import TokenExplainer
from explain.interface.zero_gpu import on_gpu
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.truncation import Truncation
from explain.results import Explanation
from explain.sharing.request import Request


@dataclass(frozen=True)
class Progress:
    """An explanation with the methods that are done, the one that comes next, and how long the rest will take, about."""

    explanation: Explanation
    running: str | None
    seconds: float
    left: float = 0.0


@contextlib.contextmanager
def asked(request: Request, methods: Sequence[Method] = ()) -> Iterator[Analysis]:
    """The request's text, read and predicted; the model is given back afterwards."""
    explainer = TokenExplainer.from_pretrained(request.model, task=request.task)
    try:
        yield explainer.ask(request.question, recording=any(method.reads_trace for method in methods))
    finally:
        explainer.close()


@on_gpu
def explain_steps(request: Request) -> Iterator[Progress]:
    """The prediction at once, then the explanation again after every method. No torch context is open while it yields."""
    started = time.perf_counter()
    methods = make_methods(request.methods, request.options)
    with asked(request, methods) as analysis:
        for method in methods:
            method.check(analysis.model)
        cost = expected_cost(analysis, methods)
        done: list[Any] = []
        for number, method in enumerate(methods):
            left = cost.seconds([other.name for other in methods[number:]])
            yield Progress(analysis.explanation(done), method.title, time.perf_counter() - started, left)
            done.append(analysis.run(method))
        yield Progress(analysis.explanation(done), None, time.perf_counter() - started)


@on_gpu
def shortened(request: Request) -> Truncation | None:
    """How the text is cut to what the model reads; `None` if it reads all of it."""
    with TokenExplainer.from_pretrained(request.model, task=request.task) as explainer:
        return explainer.truncate(request.question)
