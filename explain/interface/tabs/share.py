"""What a visitor takes along: a link, code that gives the same numbers, and files; made when the part is opened."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.errors import InputError
from explain.interface.serving import LIGHT, guarded
from explain.interface.work.sharing import carded
from explain.results import Explanation
from explain.sharing.card import dumps
from explain.sharing.permalink import encode
from explain.sharing.request import Request
from explain.sharing.snippets import client_snippet, python_snippet
from explain.visualization import static
from explain.visualization.page import page

QUERY, TASK = "q", "task"
FILES = {
    "card": ("Card (JSON)", "explanation-card.json"),
    "json": ("All numbers (JSON)", "explanation.json"),
    "csv": ("Scores (CSV)", "scores.csv"),
    "html": ("Page (HTML)", "explanation.html"),
    "png": ("Picture (PNG)", "heatmap.png"),
    "svg": ("Picture (SVG)", "heatmap.svg"),
}
NOTE = (
    "The link opens the same question again; a **card** holds the numbers too and can be replayed, here at the foot of the page or by "
    "`python -m explain replay`."
)


class SharePart:
    """Built in the current column; filled when it is opened."""

    def __init__(self, task: str) -> None:
        with gr.Accordion("Link, code and files", open=False, visible=False, elem_id=f"{task}-share-part") as self._part:
            gr.Markdown(NOTE, elem_classes="note")
            self._link = gr.Textbox(label="Link", interactive=False, buttons=["copy"], elem_id=f"{task}-link")
            self._python = gr.Code(language="python", label="With the package", interactive=False, elem_id=f"{task}-python")
            self._client = gr.Code(language="python", label="Through this app", interactive=False, elem_id=f"{task}-client")
            with gr.Row():
                self._files = {
                    kind: gr.DownloadButton(label, size="sm", elem_id=f"{task}-file-{kind}") for kind, (label, _) in FILES.items()
                }

    @property
    def outputs(self) -> list[Component]:
        """What `show` updates."""
        return [self._part]

    def show(self) -> dict[Component, Any]:
        """Closed until it is opened."""
        return {self._part: gr.update(visible=True, open=False)}

    def connect(self, state: gr.State, request: gr.State, merge: gr.Checkbox, special: gr.Checkbox) -> None:
        """Make everything when opened."""
        outputs = [self._link, self._python, self._client, *self._files.values()]
        self._part.expand(guarded(self._make), [state, request, merge, special], outputs, **LIGHT)

    def _make(
        self, explanation: Explanation | None, request: Request | None, merge: bool, special: bool, visit: gr.Request
    ) -> dict[Component, Any]:
        if explanation is None or request is None:
            raise InputError("There is no explanation yet. Press Explain.")
        root = root_of(visit)
        written = files(explanation, request, words=merge, special=special)
        return {
            self._link: link_to(root, request),
            self._python: python_snippet(request),
            self._client: client_snippet(request, root),
            **{button: str(written[kind]) for kind, button in self._files.items()},
        }


def root_of(visit: gr.Request) -> str:
    """The address of the page that the visitor sees, without query."""
    address = visit.headers.get("referer") or str(visit.request.base_url)
    return address.split("?")[0].split("#")[0]


def link_to(root: str, request: Request) -> str:
    """An address that opens the app with this question; a question that is too long for one says so."""
    try:
        return f"{root}?{TASK}={request.task}&{QUERY}={encode(request)}"
    except InputError as error:
        return str(error)


def files(explanation: Explanation, request: Request, *, words: bool, special: bool) -> dict[str, Path]:
    """The files a visitor may download, by kind, in a new folder of their own."""
    kept = carded(request, explanation)
    heatmap = static.methods_heatmap(explanation, words=words, special=special)
    contents: dict[str, bytes] = {
        "card": dumps(kept).encode(),
        "json": json.dumps(explanation.to_dict(), ensure_ascii=False, indent=1).encode(),
        "csv": explanation.to_frame().to_csv(index=False).encode(),
        "html": page(explanation, kept, words=words, special=special).encode(),
        "png": static.png(heatmap),
        "svg": static.svg(heatmap),
    }
    folder = Path(tempfile.mkdtemp(prefix="explain-"))
    paths = {kind: folder / FILES[kind][1] for kind in contents}
    for kind, path in paths.items():
        path.write_bytes(contents[kind])
    return paths
