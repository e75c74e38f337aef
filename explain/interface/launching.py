"""What `python gradio_app.py` takes on the command line, and what it does with it; nothing heavy is imported for `--help`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from explain.interface.presets import PRESETS

if TYPE_CHECKING:
    import gradio as gr


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The checked arguments."""
    parser = argparse.ArgumentParser(
        prog="gradio_app.py", description="Explain in the browser which tokens made a model say what it says.", allow_abbrev=False
    )
    parser.add_argument("--task", choices=tuple(PRESETS), help="the tab that is open at first")
    parser.add_argument("--model", help="the model chosen at first: a bundled name, a folder or an id of the Hub")
    parser.add_argument("--host", help="the address to listen on; 0.0.0.0 for all (default: this machine alone)")
    parser.add_argument("--port", type=_port, help="the port to listen on (default: 7860, or the next free one)")
    parser.add_argument("--share", action="store_true", help="also open a public link through Gradio's servers for a week")
    return parser.parse_args(arguments)


def build(given: argparse.Namespace) -> gr.Blocks:
    """The page that was asked for."""
    from explain.interface import app

    return app.build(given.task, given.model)


def launch(demo: gr.Blocks, given: argparse.Namespace) -> None:
    """Serve the page until it is stopped."""
    from explain.interface import app, logs

    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")  # reading a visitor's file is no news for the log
    logs.to_console()
    app.warm_up(given.task, given.model)
    demo.launch(**app.launch_options(), **server_options(given))


def server_options(given: argparse.Namespace) -> dict[str, Any]:
    """What `launch` needs of them."""
    options = {"server_name": given.host, "server_port": given.port, "share": given.share or None}
    return {name: value for name, value in options.items() if value is not None}


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"a port is between 1 and 65535, not {port}")
    return port
