"""A button whose work streams its results, says how far it is, and can be stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.errors import StoppedError
from explain.interface import views
from explain.interface.serving import HEAVY, LIGHT, Run, message_of, shown_error

Updates = dict[Component, Any]


@dataclass(frozen=True)
class Told:
    """What is said and shown of work that goes on.

    Attributes:
        said: How far it is.
        updates: What is shown.
        done: Whether this is the last. Nothing may follow it: Gradio's page changes what it was sent in place when more comes, and of two
            that arrive together it sees the second alone.
    """

    said: str
    updates: Updates
    done: bool = False


Work = Callable[..., Iterator[Told]]


class Stream:
    """The line that tells what runs, and the token by which the stop button ends it; built in the current column.

    Args:
        name: Prefix of the element ids.
        stop: The stop button, shown while something runs.
        failed: How the line begins when it could not be done.
    """

    def __init__(self, name: str, stop: gr.Button, failed: str) -> None:
        self._token = gr.State(None)
        self._status = gr.Markdown("Press **Compare**.", elem_id=f"{name}-status")
        self._stop = stop
        self._failed = failed
        self._running: list[Any] = []

    def on(self, click: Any, work: Work, inputs: Sequence[Component], outputs: Sequence[Component]) -> None:
        """Run `work` on a click; what it tells last is marked as done."""

        def handler(*values: Any) -> Iterator[Updates]:
            started = time.perf_counter()
            run = Run()
            yield {self._token: run.token, self._stop: gr.update(visible=True), self._status: "⏳ Reading …"}
            try:
                for told in run.steps(work(*values)):
                    seconds = f"{time.perf_counter() - started:.1f} s"
                    status = f"Done: {told.said} in {seconds}." if told.done else f"⏳ {told.said} · {seconds}"
                    yield {self._status: status, **told.updates}
            except StoppedError as stopped:
                yield {self._status: f"⚠️ {stopped} What was done stays."}
            except Exception as error:
                message = message_of(error)
                yield {self._status: f"⚠️ {self._failed}: {views.escaped(message)}"}
                raise shown_error(message) from error

        shown = [self._token, self._status, self._stop, *outputs]
        done = click(handler, list(inputs), shown, show_progress_on=[self._status], **HEAVY)
        done.then(lambda: gr.update(visible=False), None, self._stop, **LIGHT)
        self._running.append(done)

    def connect(self) -> None:
        """The stop button ends all that was set up by `on`."""
        self._stop.click(Run.stop, self._token, None, **LIGHT)
        self._stop.click(lambda: ("Stopped.", gr.update(visible=False)), None, [self._status, self._stop], cancels=self._running, **LIGHT)
