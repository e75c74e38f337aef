"""How requests are run: in turns, within a deadline, stopped when wanted, logged; errors become one clear message."""

from __future__ import annotations

import contextlib
import functools
import html
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, ClassVar, ParamSpec, TypeVar

import gradio as gr
from gradio.context import LocalContext

from explain.errors import ExplainError, StoppedError
from explain.interface.limits import limits
from explain.interface.logs import log_error, log_request
from explain.interface.record import Record, recording
from explain.interface.turns import Turn, Turns
from explain.models.interruption import interruptible

P = ParamSpec("P")
R = TypeVar("R")

DONE: Any = object()
REFERENCE = "in the log as "
TURNS = Turns()
_TURN: ContextVar[Turn | None] = ContextVar("turn", default=None)
LANES: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": limits().lanes}
LIGHT: dict[str, Any] = {"queue": False, "show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
HEAVY: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private", **LANES}


class Run:
    """Work that a visitor can stop, that computes in turns with others, and that has a deadline; all act before the next forward pass.

    Args:
        seconds: How long it may compute, waiting not counted; that of the limits if left out.
        name: What the log calls it.
    """

    running: ClassVar[dict[str, Run]] = {}

    def __init__(self, seconds: float | None = None, *, name: str = "page") -> None:
        self.record = Record(name)
        self._visit = getattr(LocalContext.request.get(None), "session_hash", None)
        self._seconds = float(limits().seconds) if seconds is None else seconds
        self._stopped = threading.Event()

    @property
    def token(self) -> str:
        """By which `stop` knows it."""
        return self.record.id

    @classmethod
    def stop(cls, token: str | None) -> None:
        """End the run that was given this token, if it is still going on."""
        if token in cls.running:
            cls.running[token]._stopped.set()

    @classmethod
    def leave(cls, visit: gr.Request) -> None:
        """End what a visitor left running who closed the page, or the connection."""
        for run in list(cls.running.values()):
            if run._visit is not None and run._visit == visit.session_hash:
                run._stopped.set()

    def steps(self, results: Iterator[R]) -> Iterator[R]:
        """The results one by one; nothing of this run is active while one is handed out.

        Raises:
            StoppedError: It was stopped, or the deadline has passed.
        """
        with self._logged():
            while True:
                result = self._step(lambda: next(results, DONE))
                if result is DONE:
                    return
                yield result

    def call(self, function: Callable[[], R]) -> R:
        """What the function returns, within the deadline."""
        with self._logged():
            return self._step(function)

    def _step(self, function: Callable[[], R]) -> R:
        self._check()
        outer = _TURN.get()
        turn = outer or Turn(TURNS)  # a run within a run has its turn, for which it would wait for ever
        token = _TURN.set(turn)
        try:
            with recording(self.record), interruptible(lambda: self._checkpoint(turn)):
                return function()
        finally:
            _TURN.reset(token)
            if outer is None:
                turn.end()

    @contextlib.contextmanager
    def _logged(self) -> Iterator[None]:
        self.running[self.token] = self
        outcome = "closed"
        try:
            yield
            outcome = "done"
        except StoppedError:
            outcome = "stopped"
            raise
        except (ExplainError, gr.Error):
            outcome = "refused"
            raise
        except Exception as error:
            outcome = "failed"
            log_error(self.record, error)
            error.add_note(f"{REFERENCE}{self.record.id}")
            raise
        finally:
            self.running.pop(self.token, None)
            log_request(self.record, outcome)

    def _checkpoint(self, turn: Turn) -> None:
        self._check()
        self.record.waited += turn.checkpoint(self._check_stopped)
        self.record.passes += 1

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise StoppedError("Stopped.")

    def _check(self) -> None:
        self._check_stopped()
        if self.record.seconds - self.record.waited > self._seconds:
            raise StoppedError(
                f"Stopped after {self._seconds:g} s, the longest that one run may take here. Choose fewer or cheaper methods, or a shorter "
                "text."
            )


def message_of(error: Exception) -> str:
    """What a visitor is told: our own errors, and a Space's when no GPU is free, in their words; else a reference to the log."""
    if isinstance(error, ExplainError):
        return str(error)
    if isinstance(error, gr.Error):
        return str(error.message)
    reference = next((note.removeprefix(REFERENCE) for note in getattr(error, "__notes__", ()) if note.startswith(REFERENCE)), None)
    if reference is None:
        record = Record("page")
        log_error(record, error)
        reference = record.id
    return f"Something went wrong here, not with your input. It is in the log as reference {reference}."


def shown_error(message: str, *, page: bool = True) -> gr.Error:
    """The error as the page or the client gets it; the page renders it as HTML, so there it is escaped."""
    return gr.Error(html.escape(message, quote=False) if page else message, print_exception=False, duration=12, title="Not explained")


def guarded(function: Callable[P, R], *, page: bool = True) -> Callable[P, R]:
    """The function as a run of its own, with every error turned into one that the page, or else the client, can show."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return Run(name=function.__name__.strip("_")).call(lambda: function(*args, **kwargs))
        except gr.Error:
            raise
        except Exception as error:
            raise shown_error(message_of(error), page=page) from error

    return wrapper
