"""What a visitor takes along: a link, code that gives the same numbers, and files; made when the view is opened."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from explain.errors import InputError
from explain.interface.tabs.answer import Seen
from explain.interface.tabs.form import Updates, Values
from explain.interface.tabs.view import View
from explain.interface.work.files import new_folder
from explain.interface.work.sharing import make_card
from explain.sharing.exports import EXPORTS, Shown
from explain.sharing.permalink import encode
from explain.sharing.request import Request
from explain.sharing.snippets import client_snippet, python_snippet

QUERY, TASK = "q", "task"
NOTE = (
    "The link opens the same question again; a **card** holds the numbers too and can be replayed, at the foot of this page or by "
    "`python -m explain replay`."
)


class TakeAlongView(View):
    """Its buttons are made from the table of exports."""

    name, title, heavy = "take", "Take along", True

    def build(self) -> None:
        self.add("link", gr.Textbox(label="Link", interactive=False, buttons=["copy"]))
        with gr.Row():
            self._files = {kind: self.add(kind, gr.DownloadButton(export.label, size="sm")) for kind, export in EXPORTS.items()}
        self.add("python", gr.Code(language="python", label="With the package", interactive=False))
        self.add("client", gr.Code(language="python", label="Through this app", interactive=False))

    def draw(self, seen: Seen, values: Values) -> Updates:
        request = seen.answer.request
        written = files(seen)
        return {
            self.note: NOTE,
            self["link"]: link_to(seen.root, request),
            self["python"]: python_snippet(request),
            self["client"]: client_snippet(request, seen.root),
            **{button: str(written[kind]) for kind, button in self._files.items()},
        }


def link_to(root: str, request: Request) -> str:
    """An address that opens the app with this question; a question that is too long for one says so."""
    try:
        return f"{root}?{TASK}={request.task}&{QUERY}={encode(request)}"
    except InputError as error:
        return str(error)


def files(seen: Seen) -> dict[str, Path]:
    """The files a visitor may download, by kind, in a new folder of their own."""
    explanation = seen.answer.explanation
    shown = Shown(explanation, make_card(seen.answer.request, explanation), words=seen.words, special=seen.special)
    folder = new_folder()
    paths: dict[str, Path] = {}
    for kind, export in EXPORTS.items():
        paths[kind] = folder / export.file
        paths[kind].write_bytes(export.written(shown))
    return paths
