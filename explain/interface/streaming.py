"""Work that streams its results, says how far it is, and can be stopped: one helper for all tabs."""

from __future__ import annotations

import html
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.errors import StoppedError
from explain.interface.serving import HEAVY, LIGHT, Run, message_of, shown_error
from explain.interface.tabs.form import Form, Updates, Values


@dataclass(frozen=True)
class Told:
    """What is said and shown of work that goes on.

    Attributes:
        said: How far it is.
        updates: What is shown, all of it each time: of two that arrive together Gradio's page sees the second alone.
        done: Whether this is the last; nothing may follow it.
    """

    said: str
    updates: Updates = field(default_factory=dict)
    done: bool = False


Work = Callable[[Values], Iterator[Told]]


class Stream:
    """The line that tells what runs, and the token by which the stop button ends it; built in the current column.

    Args:
        form: Whose stop button ends the work.
        idle: What the line says at first.
        failed: How it begins when the work could not be done.
    """

    def __init__(self, form: Form, *, idle: str, failed: str) -> None:
        self.token = gr.State(None)
        self.status = gr.HTML(status(idle, "idle"), elem_id=form.id("status"), elem_classes="status")
        self._stop = form["stop"]
        self._failed = failed
        self._running: list[Any] = []

    def on(
        self, triggers: Sequence[Any], work: Work, inputs: Iterable[Component], outputs: Iterable[Component], failed: Updates | None = None
    ) -> Any:
        """Run `work` on these events; `failed` is shown besides the message if it cannot be done."""

        def handler(values: Values) -> Iterator[Updates]:
            started = time.perf_counter()
            run = Run()

            def line(said: str, state: str) -> Updates:
                running = gr.update(visible=state == "running")
                return {self.status: status(said, state, run.token), self._stop: running}

            yield {self.token: run.token, **line("⏳ Reading …", "running")}
            try:
                for told in run.steps(work(values)):
                    seconds = f"{time.perf_counter() - started:.1f} s"
                    if told.done:
                        yield {**line(f"{told.said} in {seconds}.", "done"), **told.updates}
                    else:
                        yield {**line(f"⏳ {told.said} · {seconds}", "running"), **told.updates}
            except StoppedError as stopped:
                yield line(f"⚠️ {stopped} What was done stays.", "stopped")
            except Exception as error:
                message = message_of(error)
                yield {**line(f"⚠️ {self._failed}: {message}", "failed"), **(failed or {})}
                raise shown_error(message) from error

        shown = [self.token, self.status, self._stop, *outputs]
        done = gr.on(list(triggers), handler, set(inputs), shown, show_progress_on=[self.status], **HEAVY)
        self._running.append(done)
        return done

    def connect(self) -> None:
        """The stop button ends all that was set up by `on`."""
        self._stop.click(Run.stop, self.token, None, **LIGHT)
        self._stop.click(
            lambda: (status("Stopped.", "stopped"), gr.update(visible=False)),
            None,
            [self.status, self._stop],
            cancels=self._running,
            **LIGHT,
        )


def status(said: str, state: str, run: str | None = None) -> str:
    """The line as the page shows it; `run` tells the lines of one run from those of another."""
    return f'<p data-run="{run or secrets.token_hex(4)}" data-state="{state}">{html.escape(said, quote=False)}</p>'
