"""The manifest of a run: everything that decides its numbers, so that two runs are never mixed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from explain.dataset.store import storage, write
from explain.errors import InputError

NAME = "manifest.json"
FORMAT = 1
Manifest = Mapping[str, Any]


def load(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder; `None` if there is none.

    Raises:
        InputError: It cannot be read.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError(f"{path} is not the manifest of a run in format {FORMAT}.")
    return found


def begin(folder: Path, manifest: Manifest) -> None:
    """Open the folder for a run: a new one, or the one that began there.

    Raises:
        InputError: Another run is there; the message says what differs.
        StorageError: The folder cannot be written.
    """
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    known = load(folder)
    if known is None:
        if any(folder.glob("part-*.parquet")):
            raise InputError(f"{folder} has parts of a run but no {NAME}. Choose another folder.")
        write(folder / NAME, lambda file: file.write(json.dumps(manifest, ensure_ascii=False, indent=1).encode()))
        return
    differing = differences(known, manifest)
    if differing:
        raise InputError(
            f"{folder} holds another run. What differs: {'; '.join(differing)}. Ask as before to go on with it, or choose another folder."
        )


def differences(known: Manifest, asked: Manifest, where: str = "") -> list[str]:
    """What is not the same, in words."""
    found = []
    for name in dict.fromkeys([*known, *asked]):
        before, now = known.get(name), asked.get(name)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            found += differences(before, now, f"{where}{name}.")
        elif before != now:
            found.append(f"{where}{name} was {_short(before)}, now {_short(now)}")
    return found


def run_of(manifest: Manifest) -> str:
    """What tells this run from others."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _short(value: Any) -> str:
    said = json.dumps(value, ensure_ascii=False)
    return said if len(said) <= 80 else f"{said[:60]}…"
