"""Builds the app and launches it: `python gradio_app.py`, with `--help` for its options."""

import sys

from explain.interface.app import build, launch_options, warm_up
from explain.interface.launching import parse, server_options

given = parse(sys.argv[1:] if __name__ == "__main__" else [])
demo = build(given.task, given.model)

if __name__ == "__main__":
    warm_up()
    demo.launch(**launch_options(), **server_options(given))
