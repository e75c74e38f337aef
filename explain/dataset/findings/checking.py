"""What a run that came from elsewhere must be: the columns of its parts, and tokens that lie in their texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from explain.errors import InputError
from explain.types import Segment

if TYPE_CHECKING:
    import pyarrow as pa

    from explain.dataset.reader import Run

NEEDED = ("row", "target", "label", "prediction", "probability", "text", "output", "tokens", "start", "end", "special", "segment", "scores")
AGAIN = "Make the run again."


def check_run(run: Run) -> None:
    """Raises InputError where a part of a run lacks a column, or one is of another type."""
    import pyarrow.parquet as pq

    from explain.dataset.schema import schema

    if not all(isinstance(run.manifest.get(name), str) for name in ("model", "task")) or not isinstance(run.manifest.get("methods"), dict):
        raise InputError(f"The manifest of this run names no model, task or methods. {AGAIN}")
    wanted = schema(run.methods)
    for part in run.parts:
        try:
            found = pq.read_schema(part)
        except (OSError, ValueError) as error:
            raise InputError(f"{part.name} cannot be read as a part of a run: {error}") from error
        for name in NEEDED:
            if name not in found.names:
                raise InputError(f"{part.name} is no part of a run: it has no column {name!r}. {AGAIN}")
            if found.field(name).type != wanted.field(name).type:
                raise InputError(f"{part.name} is no part of this run: the column {name!r} is {found.field(name).type}. {AGAIN}")


def check_tokens(batch: pa.RecordBatch) -> None:
    """Raises InputError where tokens of a batch are not as many in all columns, or do not lie in their text."""
    import pyarrow.compute as pc

    columns = {name: batch[name] for name in ("tokens", "start", "end", "special", "segment")}
    lengths = [pc.list_value_length(column) for column in columns.values()]
    if any(column.null_count for column in [batch["text"], *columns.values()]) or any(one != lengths[0] for one in lengths):
        raise InputError(f"This run is damaged: a row has no text, or other numbers of tokens in some columns. {AGAIN}")
    flat = {name: column.flatten() for name, column in columns.items()}
    if any(column.null_count for column in flat.values()) or set(flat["segment"].unique().to_pylist()) - {part.value for part in Segment}:
        raise InputError(f"This run is damaged: a token is not described. {AGAIN}")
    sizes = [len(text) for text in batch["text"].to_pylist()]
    longest = np.repeat(np.array(sizes, dtype=np.int64), lengths[0].to_numpy(zero_copy_only=False))
    start, end = (flat[name].to_numpy(zero_copy_only=False) for name in ("start", "end"))
    inside = (start >= 0) & (start <= end) & (end <= longest)
    if not (inside | (np.asarray(flat["segment"].to_pylist(), dtype=object) == Segment.OUTPUT.value)).all():
        raise InputError(f"This run is damaged: a token lies outside its text. {AGAIN}")
