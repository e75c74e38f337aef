"""A way to end long work, or to let others come in between, between two forward passes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

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
