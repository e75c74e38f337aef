"""Where the models that strangers ask for lie on the disk, and how much they may take there together."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from huggingface_hub import CachedRevisionInfo, constants, scan_cache_dir

from explain.errors import UnsafeModelError

DISK_BYTES = int(os.environ.get("EXPLAIN_DISK_BYTES", 20_000_000_000))
_TURN = threading.Lock()


def strangers_folder() -> Path:
    """A cache beside the owner's, which is never deleted from."""
    return Path(constants.HF_HUB_CACHE).parent / "explain-strangers"


def make_room(name: str, commit: str | None, size: int) -> None:
    """Delete what was asked for least recently, until a model of so many bytes has room as well.

    Raises:
        UnsafeModelError: It alone is more than the disk may hold.
    """
    if size > DISK_BYTES:
        raise UnsafeModelError(
            f"{name} has {size:,} bytes, and this server keeps at most {DISK_BYTES:,} on its disk. Choose a smaller model."
        )
    folder = strangers_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with _TURN:
        cache = scan_cache_dir(folder)
        present = {revision.commit_hash: revision for repository in cache.repos for revision in repository.revisions}
        wanted = present.pop(commit or "", None)
        over = cache.size_on_disk + size - (0 if wanted is None else wanted.size_on_disk) - DISK_BYTES
        leaving = []
        for revision in sorted(present.values(), key=_asked):
            if over <= 0:
                break
            leaving.append(revision.commit_hash)
            over -= revision.size_on_disk
        if leaving:
            cache.delete_revisions(*leaving).execute()


def note(folder: Path) -> None:
    """Write down that a model was asked for now; few file systems notice when a file is read."""
    config = folder / "config.json"
    if config.exists():
        os.utime(config, (time.time(), config.stat().st_mtime))


def _asked(revision: CachedRevisionInfo) -> float:
    return max((file.blob_last_accessed for file in revision.files), default=0.0)
