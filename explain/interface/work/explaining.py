"""From what a visitor asked to its explanation, method by method."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from explain.analysis import Analysis
from explain.cost import expected_cost
from explain.errors import UnsupportedError
from explain.explainer import TokenExplainer
from explain.interface.record import note
from explain.interface.work.budget import ask, check_length, check_passes, passes_of
from explain.interface.zero_gpu import on_gpu
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.truncation import Truncation
from explain.prompts.answers import Contrast
from explain.results import Attribution, Explanation
from explain.sharing.asking import asked
from explain.sharing.request import Request


@dataclass(frozen=True)
class Progress:
    """An explanation with the methods that are done.

    Attributes:
        explanation: What is known.
        running: The title of the method that comes next; `None` at the end.
        seconds: How long it has taken.
        left: How long the rest will take, about.
    """

    explanation: Explanation
    running: str | None
    seconds: float
    left: float = 0.0


@contextlib.contextmanager
def explainer_of(request: Request) -> Iterator[TokenExplainer]:
    """The model that a request asks; it is given back afterwards."""
    note(task=request.task, model=request.model, methods=list(request.methods), text=request.question.text)
    with TokenExplainer.from_pretrained(request.model, task=request.task) as explainer:
        yield explainer


@contextlib.contextmanager
def analysis_of(request: Request, methods: Sequence[Method] = ()) -> Iterator[Analysis]:
    """A request's text, read and predicted, recorded if one of the methods reads that; the model is given back afterwards.

    Raises:
        UnsupportedError: Two answers are compared, which is more than one text.
    """
    if request.measure is not None:
        raise UnsupportedError("Two answers are compared: this looks at one. Ask about one of them.")
    with explainer_of(request) as explainer:
        yield ask(explainer, request.question, methods)


@contextlib.contextmanager
def asked_of(request: Request, methods: Sequence[Method] = ()) -> Iterator[Analysis | Contrast]:
    """The same, or the two answers that are compared."""
    if request.measure is None:
        with analysis_of(request, methods) as analysis:
            yield analysis
        return
    with explainer_of(request) as explainer:
        check_length(explainer, [request.question])
        yield asked(explainer, request, methods)


@on_gpu
def iter_explanation(request: Request, *, estimated: bool = True) -> Iterator[Progress]:
    """The prediction at once, then the explanation again after every method. No torch context is open while it yields.

    `estimated`: measure a pass or two of each answer to tell how long the rest will take; else `left` is 0.
    """
    started = time.perf_counter()
    methods = make_methods(request.methods, request.options)
    with asked_of(request, methods) as analysis:
        for method in methods:
            method.check(analysis.model)
        check_passes(passes_of(methods, analysis))
        parts = (analysis.answer, analysis.other) if isinstance(analysis, Contrast) else (analysis,)
        costs = [expected_cost(part, methods) for part in parts if estimated]
        done: list[Attribution] = []
        for number, method in enumerate(methods):
            left = sum(cost.seconds([other.name for other in methods[number:]]) for cost in costs)
            yield Progress(analysis.explanation(done), method.title, time.perf_counter() - started, left)
            done.append(analysis.run(method))
        yield Progress(analysis.explanation(done), None, time.perf_counter() - started)


def explain(request: Request) -> Explanation:
    """The finished explanation."""
    *_, last = iter_explanation(request, estimated=False)
    return last.explanation


@on_gpu
def truncate(request: Request) -> Truncation | None:
    """How the text is cut to what the model reads; `None` if it reads all of it."""
    with explainer_of(request) as explainer:
        check_length(explainer, [request.question])
        return explainer.truncate(request.question)
