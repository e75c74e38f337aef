"""Opening again what was saved: a link fills in its question and asks it, a card is replayed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.errors import InputError
from explain.interface import views
from explain.interface.serving import HEAVY, LIGHT, guarded
from explain.interface.tabs.explain import TaskTab
from explain.interface.tabs.options import OptionWidgets
from explain.interface.tabs.share import QUERY, TASK
from explain.interface.work.sharing import replayed
from explain.methods.catalog import make_methods
from explain.sharing.card import read
from explain.sharing.permalink import decode

# A link asks its question: the button is pressed once the page has it.
PRESS = f"""() => {{
    const query = new URLSearchParams(window.location.search);
    if (!query.has("{QUERY}")) return;
    const press = left => {{
        const button = document.getElementById(query.get("{TASK}") + "-explain");
        if (button) button.click(); else if (left > 0) setTimeout(() => press(left - 1), 100);
    }};
    setTimeout(() => press(100), 300);
}}"""


def connect(demo: gr.Blocks, choice: gr.Tabs, tabs: Mapping[str, TaskTab], options: OptionWidgets) -> None:
    """A link's question goes into the form of its tab when the page is loaded, and is asked."""

    def reopened(visit: gr.Request) -> dict[Component, Any]:
        value = visit.query_params.get(QUERY)
        if value is None:
            return {choice: gr.skip()}
        request = decode(value)
        if request.task not in tabs:
            raise InputError(f"The link asks for the task {request.task!r}. Choose one of: {', '.join(tabs)}.")
        make_methods(request.methods, request.options)
        return {choice: gr.update(selected=request.task), **tabs[request.task].filled(request), **options.filled(request.options)}

    filled = [component for tab in tabs.values() for component in tab.form]
    quiet = {**LIGHT, "queue": True}  # an error outside the queue would be a failed request
    loaded = demo.load(guarded(reopened), None, [choice, *filled, *options.components], **quiet)
    loaded.success(None, None, None, js=PRESS, **LIGHT)


def build_replay() -> None:
    """Where a card is dropped, and what came out, in the current Blocks."""
    with gr.Accordion("Replay an explanation card", open=False, elem_id="replay"):
        gr.Markdown("Explains a saved card again and compares every number with it.", elem_classes="note")
        card = gr.File(label="Card (JSON)", file_types=[".json"], type="filepath", elem_id="replay-card")
        report = gr.Markdown(elem_id="replay-report")
        card.upload(guarded(_replayed), card, report, show_progress_on=[report], **HEAVY)


def _replayed(path: str) -> str:
    return views.replay_report(replayed(read(path)))
