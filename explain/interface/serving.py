"""From what a visitor asked to explanations, step by step; errors become one clear message."""

from __future__ import annotations

import functools
import html
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, ParamSpec, TypeVar

import gradio as gr

from explain.errors import ExplainError, StoppedError
from explain.interface.work.explaining import explain_steps
from explain.models.interruption import interruptible
from explain.sharing.request import Request

P = ParamSpec("P")
R = TypeVar("R")

LOG = logging.getLogger("explain")
MODEL_QUEUE = "model"
DEADLINE = 300
DONE: Any = object()
LIGHT: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
HEAVY: dict[str, Any] = {
    "show_progress": "minimal",
    "concurrency_id": MODEL_QUEUE,
    "concurrency_limit": 1,
    "api_visibility": "private",
}


class Run:
    """Work that a visitor can stop, and that has a deadline; both act before the next forward pass.

    Args:
        seconds: The deadline; `EXPLAIN_DEADLINE` of the environment, or five minutes, if left out.
    """

    _running: ClassVar[dict[str, Run]] = {}

    def __init__(self, seconds: float | None = None) -> None:
        self.token = secrets.token_hex(8)
        self._seconds = float(os.environ.get("EXPLAIN_DEADLINE", DEADLINE)) if seconds is None else seconds
        self._until = time.monotonic() + self._seconds
        self._stopped = threading.Event()

    @classmethod
    def stop(cls, token: str | None) -> None:
        """End the run that was given this token, if it is still going on."""
        if token in cls._running:
            cls._running[token]._stopped.set()

    def steps(self, results: Iterator[R]) -> Iterator[R]:
        """The results one by one; nothing of this run is active while one is handed out.

        Raises:
            StoppedError: It was stopped, or the deadline has passed.
        """
        self._running[self.token] = self
        try:
            while True:
                self._check()
                with interruptible(self._check):
                    result = next(results, DONE)
                if result is DONE:
                    return
                yield result
        finally:
            self._running.pop(self.token, None)

    def call(self, function: Callable[[], R]) -> R:
        """What the function returns, within the deadline."""
        with interruptible(self._check):
            return function()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise StoppedError("Stopped.")
        if time.monotonic() > self._until:
            raise StoppedError(
                f"Stopped after {self._seconds:g} s, the longest that one run may take here. Choose fewer or cheaper methods, or a shorter "
                "text."
            )


def warm_up(requests: Sequence[Request]) -> threading.Thread:
    """Load the first models and compile what is compiled, beside the starting server; a failure only costs the first visitor time."""

    def run() -> None:
        for request in requests:
            try:
                for _ in explain_steps(request):
                    pass
            except ExplainError as error:
                LOG.warning("warm-up of %s: %s", request.model, error)

    thread = threading.Thread(target=run, name="warm-up", daemon=True)
    thread.start()
    return thread


def message_of(error: Exception) -> str:
    """What a visitor is told: our own errors, and a Space's when no GPU is free, in their words; else a reference to the log."""
    if isinstance(error, ExplainError):
        return str(error)
    if isinstance(error, gr.Error):
        return str(error.message)
    reference = secrets.token_hex(2)
    LOG.error("reference %s", reference, exc_info=error)
    return f"Something went wrong here, not with your input. It is in the log as reference {reference}."


def shown_error(message: str, *, page: bool = True) -> gr.Error:
    """The error as the page or the client gets it; the page renders it as HTML, so there it is escaped."""
    return gr.Error(html.escape(message, quote=False) if page else message, print_exception=False, duration=12, title="Not explained")


def guarded(function: Callable[P, R], *, page: bool = True) -> Callable[P, R]:
    """The function with every error turned into one that the page, or else the client, can show."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return Run().call(lambda: function(*args, **kwargs))
        except gr.Error:
            raise
        except Exception as error:
            raise shown_error(message_of(error), page=page) from error

    return wrapper
