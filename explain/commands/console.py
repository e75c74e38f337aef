"""What all commands say and how: the name that was typed, and text that any terminal can show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def program() -> str:
    """What was typed to run this: the installed script, or the package."""
    return "explain" if Path(sys.argv[0]).stem == "explain" else "python -m explain"


def say(text: str) -> None:
    """Print what the terminal's encoding can show; other characters become question marks."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))
