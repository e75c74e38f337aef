"""ZeroGPU: a Space without a GPU of its own borrows one for single calls, each made in another process.

All that asks a model is marked `on_gpu`. What is marked goes through one outer function, which is the only one that Spaces decorates; what
it is given and what it gives back must survive pickling. Anywhere else a marked function is exactly the function that was written.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

from explain.errors import ExplainError

P = ParamSpec("P")
R = TypeVar("R")

SECONDS = 60
ACTIVE = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def _outer(work: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[Any, ExplainError | None]]:
    """The results of a marked function; our own errors are handed back as values, since others lose their words between processes."""
    import torch

    # Torch makes its pool of threads anew in a forked process; loading a model, several threads would do so at once and may find none.
    torch.set_num_threads(torch.get_num_threads())
    function = inspect.unwrap(work)
    try:
        if inspect.isgeneratorfunction(function):
            for result in function(*args, **kwargs):
                yield result, None
        else:
            yield function(*args, **kwargs), None
    except ExplainError as error:
        yield None, error


if ACTIVE:
    import spaces

    _outer = spaces.GPU(duration=int(float(os.environ.get("EXPLAIN_DEADLINE", SECONDS))))(_outer)


def on_gpu(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function of a module, or a generator, that asks a model."""
    if not ACTIVE:
        return function

    def results(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Any]:
        for result, error in _outer(marked, args, kwargs):
            if error is not None:
                raise error
            yield result

    def streamed(*args: Any, **kwargs: Any) -> Iterator[Any]:
        yield from results(args, kwargs)

    def returned(*args: Any, **kwargs: Any) -> Any:
        (result,) = results(args, kwargs)
        return result

    marked: Any = functools.wraps(function)(streamed if inspect.isgeneratorfunction(function) else returned)
    return cast("Callable[P, R]", marked)
