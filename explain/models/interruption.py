"""A way to end long work, or to let others come in between, between two forward passes; and to go on where a part of it fails."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TypeVar

from explain.errors import ExplainError, StoppedError

Result = TypeVar("Result")

_CHECK: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)


@contextlib.contextmanager
def interruptible(check: Callable[[], None]) -> Iterator[None]:
    """Within, `check` is called before every forward pass and now and then in long work besides; what it raises ends the work there."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


def checkpoint() -> None:
    """Called before every forward pass, and in long loops without any."""
    check = _CHECK.get()
    if check is not None:
        check()


def attempt(work: Callable[[], Result]) -> Result | ExplainError:
    """What the work returns, or the error that it ended with, for those who go on with the rest; who is stopped does not."""
    try:
        return work()
    except StoppedError:
        raise
    except ExplainError as error:
        return error.with_traceback(None)  # else it keeps all that the work had in hand
