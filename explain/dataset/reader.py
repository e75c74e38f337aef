"""A run that was made, read from its folder alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from explain.dataset import manifest as manifests
from explain.dataset.store import Refused
from explain.errors import InputError

ROWS = 1024


@dataclass(frozen=True)
class Run:
    """The run in a folder.

    Attributes:
        folder: Where it is.
        manifest: What was asked, of which model, about which data.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """The run in a folder, finished or not.

        Raises:
            InputError: There is none.
        """
        path = Path(folder).expanduser()
        found = manifests.load(path) if path.is_dir() else None
        if found is None:
            raise InputError(f"There is no run in {path}: it is not a folder with a {manifests.NAME}.")
        return cls(path, found)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that explained the texts."""
        return tuple(self.manifest["methods"])

    @cached_property
    def parts(self) -> tuple[Path, ...]:
        """The parts, in the order of the data."""
        return tuple(sorted(self.folder.glob("part-*.parquet"), key=lambda path: int(path.stem.split("-")[1])))

    @property
    def chunks(self) -> int:
        """How many parts there are when the run is done."""
        return int(-(-self.manifest["data"]["rows"] // self.manifest["chunk"]))

    @property
    def complete(self) -> bool:
        """Whether every row of the data was explained or refused."""
        return len(self.parts) == self.chunks

    def __len__(self) -> int:
        """How many rows were explained."""
        return sum(self._file(part).metadata.num_rows for part in self.parts)

    def batches(self, columns: Sequence[str] = (), *, rows: int = ROWS) -> Iterator[pa.RecordBatch]:
        """The rows in the order of the data, at most `rows` at a time; all columns, or those of the named ones that there are.

        Raises:
            InputError: A part cannot be read.
        """
        for part in self.parts:
            file = self._file(part)
            wanted = [name for name in columns if name in file.schema_arrow.names] if columns else None
            yield from file.iter_batches(batch_size=rows, columns=wanted)

    def rows(self, columns: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """The rows one by one, as plain Python."""
        for batch in self.batches(columns):
            yield from batch.to_pylist()

    def table(self, columns: Sequence[str] = ()) -> pa.Table:
        """All rows in memory.

        Raises:
            InputError: There is no part yet, or one cannot be read.
        """
        if not self.parts:
            raise InputError(f"The run in {self.folder} has no part yet.")
        columns = list(columns or self._file(self.parts[0]).schema_arrow.names)
        return pa.concat_tables(self._file(part).read(columns) for part in self.parts)

    @property
    def refused(self) -> int:
        """How many rows could not be explained."""
        return sum(1 for _ in self.refusals())

    def refusals(self) -> Iterator[Refused]:
        """The rows that could not be explained, and why; of the chunks that are done."""
        for part in self.parts:
            path = part.with_name(f"{part.stem.replace('part', 'refused')}.jsonl")
            if path.exists():
                with path.open(encoding="utf-8") as lines:
                    yield from (Refused(**json.loads(line)) for line in lines)

    @staticmethod
    def _file(part: Path) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(part)
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{part} cannot be read as a part of a run: {error}") from error
