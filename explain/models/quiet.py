"""Silence transformers where we handle what it would report."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from transformers.utils import logging

_LOCK = threading.Lock()
_inside = 0
_before: tuple[int, bool] = (logging.WARNING, True)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No log lines below errors and no progress bars, until the last of all threads that are inside has left."""
    global _inside, _before
    with _LOCK:
        if _inside == 0:
            _before = logging.get_verbosity(), logging.is_progress_bar_enabled()
            logging.set_verbosity_error()
            logging.disable_progress_bar()
        _inside += 1
    try:
        yield
    finally:
        with _LOCK:
            _inside -= 1
            if _inside == 0:
                level, bars = _before
                logging.set_verbosity(level)
                if bars:
                    logging.enable_progress_bar()
