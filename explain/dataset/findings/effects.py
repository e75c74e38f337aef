"""The effect of every word in every row of a run: the sum of its tokens' scores, read batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.errors import InputError
from explain.tokens import words
from explain.types import Array, Segment, Token

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


TOLD = ("row", "target", "label", "prediction")
"""What every occurrence says of its row."""
READ = (*TOLD, "probability", "text", "output", "tokens", "start", "end", "special", "segment", "scores", "faithfulness", "heads")
UNITS = ("words", "tokens")
_SEGMENTS = {segment.value: segment for segment in Segment}


@dataclass(frozen=True)
class Counted:
    """What counts as one word.

    Attributes:
        unit: "words", whose tokens' scores are summed, or "tokens".
        casefold: Whether case makes no difference.
    """

    unit: str = "words"
    casefold: bool = True

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise InputError(f"The unit {self.unit!r} is not known. Choose from: {', '.join(UNITS)}.")

    def key(self, text: str) -> str:
        """What a word is counted under."""
        return text.casefold() if self.casefold else text


def effects_in(batch: pa.RecordBatch, methods: Sequence[str], counted: Counted) -> pd.DataFrame:
    """The occurrences in the rows of a batch: `TOLD`, word, start, end, and the effect by every method (NaN where it has none).

    Special tokens and tokens of an output are no words of the text.
    """
    import pandas as pd

    texts = batch["text"].to_pylist()
    lengths = _lengths(batch["tokens"])
    tokens = tokens_in(batch)
    rows, keys, starts, ends, firsts, kept = [], [], [], [], [], []
    offset = 0
    for number, (text, length) in enumerate(zip(texts, lengths.tolist(), strict=True)):
        own = tokens[offset : offset + length]
        for first, start, end, shown, counts in _groups(own, text, counted.unit):
            firsts.append(offset + first)
            kept.append(counts)
            if counts:
                rows.append(number)
                keys.append(counted.key(shown))
                starts.append(start)
                ends.append(end)
        offset += length
    inside = np.array(kept, dtype=bool)
    told = {name: told_by(batch, name)[rows] for name in TOLD}
    found: dict[str, Any] = {**told, "word": np.asarray(keys, dtype=object), "start": starts, "end": ends}
    for method in methods:
        scores = _scores(batch, method, lengths)
        sums = np.add.reduceat(scores, firsts) if firsts else scores
        found[method] = sums[inside] if firsts else sums
    return pd.DataFrame(found)


def told_by(batch: pa.RecordBatch, name: str) -> Any:
    """A plain column of a batch; labels, targets and predictions without the space that a token may begin with."""
    values = batch[name].to_pylist()
    if name in ("row", "output"):
        return np.asarray(values, dtype=np.int64 if name == "row" else np.float64)
    return np.array([value.strip() or value if isinstance(value, str) else None for value in values], dtype=object)


def by_row(occurrences: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """One row per word and row of the run: the mean effect of its occurrences there, and how many there are.

    The rows of a run are what is independent, so they are what is counted; a word that a text repeats is one observation.
    """
    keys = [*TOLD, "word"]
    grouped = occurrences.groupby(keys, sort=False, dropna=False, observed=True)
    found = grouped[list(methods)].mean()
    found["occurrences"] = grouped.size()
    return found.reset_index()


def _groups(tokens: Sequence[Token], text: str, unit: str) -> Iterator[tuple[int, int, int, str, bool]]:
    """Of every group: its first token, its place in the text, what it says, and whether it is a word of the text."""
    groups = [word.indices for word in words(tokens, text)] if unit == "words" else [(i,) for i in range(len(tokens))]
    for indices in groups:
        first, last = tokens[indices[0]], tokens[indices[-1]]
        inside = not first.special and first.segment is Segment.INPUT and last.end > first.start
        shown = text[first.start : last.end] if unit == "words" else first.piece
        yield indices[0], first.start, last.end, shown, inside


def tokens_in(batch: pa.RecordBatch) -> list[Token]:
    """The tokens of all rows of a batch, one after the other."""
    names = ("tokens", "start", "end", "special", "segment")
    columns = (batch[name].flatten().to_pylist() for name in names)
    return [Token("", "", label, 0, start, end, special, _SEGMENTS[seg]) for label, start, end, special, seg in zip(*columns, strict=True)]


def _scores(batch: pa.RecordBatch, method: str, lengths: Any) -> Array:
    """A method's scores of all tokens of a batch, one after the other; NaN in the rows that it refused."""
    column = scores_of(batch, method)
    total = int(lengths.sum())
    if column is None:
        return np.full(total, np.nan)
    own = _lengths(column)
    known = ~np.asarray(column.is_null())
    if (own[known] != lengths[known]).any():
        raise InputError(f"This run is damaged: {method} has other numbers of scores than there are tokens. Make the run again.")
    scores = np.full(total, np.nan)
    scores[np.repeat(known, lengths)] = column.flatten().to_numpy(zero_copy_only=False)
    return scores


def scores_of(batch: pa.RecordBatch, method: str) -> pa.Array | None:
    """The column of a method's scores [rows] of lists; `None` where the run lacks it."""
    column = batch["scores"]
    index = column.type.get_field_index(method)
    return None if index < 0 else column.flatten()[index]


def lists_of(column: pa.Array | None, rows: int) -> list[Any]:
    """Per row, the values of a list column as an array; `None` where the row has none."""
    if column is None:
        return [None] * rows
    flat = column.flatten().to_numpy(zero_copy_only=False)
    sizes, known = _lengths(column), ~np.asarray(column.is_null())
    ends = np.cumsum(sizes)
    return [flat[end - size : end] if there else None for there, end, size in zip(known, ends, sizes, strict=True)]


def _lengths(column: pa.Array) -> Any:
    import pyarrow.compute as pc

    return pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
