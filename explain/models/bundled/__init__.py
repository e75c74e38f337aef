"""Small checkpoints that make everything work without a network. Each folder holds its model card and the script that trained it."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def bundled_names() -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/config.json")))


def bundled_folder(name: str) -> Path | None:
    """The folder of a bundled checkpoint, `None` if `name` is not one."""
    return FOLDER / name if name in bundled_names() else None
