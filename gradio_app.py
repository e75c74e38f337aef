"""Builds the app and launches it: `python gradio_app.py`, with `--help` for its options."""

import sys

from explain.interface.launching import build, launch, parse

given = parse(sys.argv[1:] if __name__ == "__main__" else [])
demo = build(given)

if __name__ == "__main__":
    launch(demo, given)
