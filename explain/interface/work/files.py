"""Folders for the files that visitors take along: each visitor's own, gone after an hour."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "explain-files-"
KEPT_SECONDS = 3600


def new_folder(kept: float = KEPT_SECONDS) -> Path:
    """A new folder that nobody else knows; folders of earlier visitors that are older than `kept` seconds are deleted."""
    oldest = time.time() - kept
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder)
        except FileNotFoundError:
            continue  # another thread was faster
    return Path(tempfile.mkdtemp(prefix=PREFIX))
