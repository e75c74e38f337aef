"""The rows of two runs joined, part by part, as both are in the order of the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from explain.dataset.findings.effects import READ, TOLD, Counted, by_row, effects_in, told_by
from explain.dataset.findings.reading import iter_batches

if TYPE_CHECKING:
    import pandas as pd

    from explain.dataset.reader import Run

FIRST, SECOND = "first", "second"


@dataclass(frozen=True)
class Part:
    """Some rows of one side.

    Attributes:
        rows: Row, target, label, prediction and text.
        words: The effects of their words, as `by_row` gives them.
    """

    rows: pd.DataFrame
    words: pd.DataFrame

    def where(self, later: bool, last: int) -> Part:
        """The rows after `last`, or those up to it."""
        return Part(*(frame[(frame["row"] > last) == later] for frame in (self.rows, self.words)))

    def and_then(self, other: Part) -> Part:
        """Both together."""
        import pandas as pd

        return Part(*(pd.concat(frames, ignore_index=True) for frames in ((self.rows, other.rows), (self.words, other.words))))


def joined(one: Run, two: Run, methods: tuple[str, str], counted: Counted) -> Iterator[tuple[Part, Part]]:
    """Both sides up to the same row of the data, until there is no more; the effects' columns are "first" and "second"."""
    others = _parts(two, methods[1], SECOND, counted)
    waiting = next(others, None)
    for part in _parts(one, methods[0], FIRST, counted):
        last = int(part.rows["row"].max())
        while waiting is not None and (waiting.rows.empty or waiting.rows["row"].max() < last) and (more := next(others, None)) is not None:
            waiting = waiting.and_then(more)
        if waiting is None:
            yield part, _none(part, SECOND)
        else:
            yield part, waiting.where(False, last)
            waiting = waiting.where(True, last)
    for left in [*([] if waiting is None else [waiting]), *others]:
        yield _none(left, FIRST), left


def _none(like: Part, side: str) -> Part:
    return Part(like.rows.iloc[:0], like.words.rename(columns={FIRST: side, SECOND: side}).iloc[:0])


def _parts(run: Run, method: str, side: str, counted: Counted) -> Iterator[Part]:
    import pandas as pd

    for batch in iter_batches(run, READ):
        if len(batch):
            rows = pd.DataFrame({**{name: told_by(batch, name) for name in TOLD}, "text": batch["text"].to_pylist()})
            words = by_row(effects_in(batch, [method], counted), [method])
            yield Part(rows, words.rename(columns={method: side}))
