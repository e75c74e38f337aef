"""What is known of the request that is being worked on, for the log; whoever learns something notes it."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Record:
    """One request.

    Attributes:
        id: What the log and an error message call it.
        name: The endpoint, or the part of the page.
        noted: Task, model, methods, tokens, expected passes, and the text, which is logged only if that is asked for.
        passes: How often the model was called so far.
        waited: Seconds that it waited for its turn.
        began: When it began, on the clock of `time.monotonic`.
    """

    name: str
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    noted: dict[str, Any] = field(default_factory=dict)
    passes: int = 0
    waited: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began


_CURRENT: ContextVar[Record | None] = ContextVar("record", default=None)


@contextlib.contextmanager
def recording(record: Record) -> Iterator[None]:
    """Within, `note` writes to this record."""
    token = _CURRENT.set(record)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def note(**what: Any) -> None:
    """Write down what was learnt of the present request; nothing happens where there is none."""
    record = _CURRENT.get()
    if record is not None:
        record.noted.update(what)
