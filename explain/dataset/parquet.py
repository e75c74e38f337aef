"""What Parquet files take once they are read: few bytes may stand for as many as one likes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from explain.errors import InputError

ROWS = 256
VALUE = 8
"""Bytes of one value, at least."""


def check_size(files: Sequence[Path], most: int, columns: Collection[str] | None = None) -> None:
    """Look at what is written of the files' size, then at the values themselves, of which none that stands there twice is held twice.

    Args:
        files: Read as one.
        most: The bytes that they may take.
        columns: The columns that will be read; all if left out.

    Raises:
        InputError: They take more.
    """
    taken = 0
    for path in files:
        metadata = pq.ParquetFile(path).metadata
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
        read = [chunk for chunk in chunks if columns is None or chunk.path_in_schema.split(".")[0] in columns]
        declared = sum(max(chunk.total_uncompressed_size, VALUE * chunk.num_values) for chunk in read)
        _check(files, taken + declared, most)
        texts = sorted({chunk.path_in_schema for chunk in read if chunk.physical_type == "BYTE_ARRAY"})
        file = pq.ParquetFile(path, read_dictionary=texts)
        for batch in file.iter_batches(batch_size=ROWS, columns=None if columns is None else list(columns), use_threads=False):
            taken += sum(map(size, batch.columns))
            _check(files, taken, most)


def size(values: pa.Array) -> int:
    """Bytes of an array when every value stands for itself."""
    if pa.types.is_dictionary(values.type) and (pa.types.is_string(values.type.value_type) or pa.types.is_binary(values.type.value_type)):
        lengths = pc.binary_length(values.dictionary).take(values.indices)
        return VALUE * len(values) + int(pc.sum(lengths).as_py() or 0)
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        return VALUE * len(values) + size(values.flatten())
    if pa.types.is_struct(values.type):
        return sum(map(size, values.flatten()))
    return int(values.nbytes)


def _check(files: Sequence[Path], taken: int, most: int) -> None:
    if taken > most:
        name = files[0].name if len(files) == 1 else f"These {len(files)} files"
        raise InputError(
            f"{name} would take more than {taken:,} bytes in memory; at most {most:,} are taken here. Give fewer or shorter rows."
        )
