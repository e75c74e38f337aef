"""The folder of a run: parts that are there whole or not at all, and the rows that were refused."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from explain.errors import StorageError

RUN = b"explain.run"


@dataclass(frozen=True)
class Refused:
    """A row that could not be explained."""

    row: int
    text: str
    reason: str


@dataclass(frozen=True)
class Store:
    """Where the chunks of one run are kept; a chunk is done if its part is whole and of this run.

    Attributes:
        folder: Where the files are.
        run: What tells this run from others.
    """

    folder: Path
    run: str

    def part(self, chunk: int) -> Path:
        return self.folder / f"part-{chunk:05}.parquet"

    def refused(self, chunk: int) -> Path:
        return self.folder / f"refused-{chunk:05}.jsonl"

    def done(self, chunk: int) -> bool:
        """Whether the part of a chunk is there, whole and of this run."""
        try:
            kept = pq.read_schema(self.part(chunk)).metadata or {}
        except (OSError, pa.ArrowInvalid):
            return False
        return bool(kept.get(RUN) == self.run.encode())

    def keep(self, chunk: int, rows: Sequence[dict[str, Any]], columns: pa.Schema, refused: Sequence[Refused]) -> None:
        """Write what became of a chunk: first what was refused, then, when all else is on the disk, the part.

        Raises:
            StorageError: There is no space or no permission.
        """
        lines = "".join(json.dumps(vars(one), ensure_ascii=False) + "\n" for one in refused).encode("utf-8", "replace")
        table = pa.Table.from_pylist(list(rows), schema=columns.with_metadata({RUN: self.run}))
        write(self.refused(chunk), lambda file: file.write(lines))
        write(self.part(chunk), lambda file: pq.write_table(table, file))

    def clear(self) -> None:
        """Remove what a killed process began to write."""
        for left in self.folder.glob(".*.tmp"):
            left.unlink(missing_ok=True)


def write(path: Path, fill: Callable[[BinaryIO], Any]) -> None:
    """Write a file that is there whole or not at all, whenever the process or the machine stops.

    Raises:
        StorageError: There is no space or no permission.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage(path):
        try:
            with temporary.open("wb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make the names in a folder last; not every system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def storage(path: Path) -> Iterator[None]:
    """Within, what the disk refuses is said in words.

    Raises:
        StorageError: There is no space or no permission.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"No space is left for {path}. Make room and start the same command again: it goes on there.") from error
        raise StorageError(f"{path} cannot be written: {error.strerror or error}.") from error
