"""The texts behind a finding: a word in its contexts, each with its effect, label and prediction."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.dataset.findings.effects import READ, TOLD, Counted, effects_in, lists_of, scores_of, tokens_in, told_by
from explain.dataset.findings.found import WordFinding
from explain.dataset.findings.reading import iter_batches, labels_of_methods, opened
from explain.dataset.findings.slice import Slice
from explain.dataset.findings.where import Where
from explain.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from explain.dataset.reader import Run

MOST_LINES = 50
WIDTH = 48


@dataclass(frozen=True)
class Line:
    """One occurrence in its text.

    Attributes:
        row: The row of the data.
        text: All of it.
        start: First character of the word (0-based).
        end: One past the last.
        effect: Of the word here.
        target: What is explained.
        label: The data's label, if there is one.
        prediction: What the model says.
        output: The explained score.
    """

    row: int
    text: str
    start: int
    end: int
    effect: float
    target: str
    label: str | None
    prediction: str
    output: float

    @property
    def word(self) -> str:
        """As the text has it."""
        return self.text[self.start : self.end]

    def context(self, width: int = WIDTH) -> tuple[str, str]:
        """At most so many characters before and after it, on one line; what is cut is marked by `…`."""
        before, after = self.text[: self.start], self.text[self.end :]
        left = before if len(before) <= width else "…" + before[len(before) - width :]
        right = after if len(after) <= width else after[:width] + "…"
        return tuple(" ".join(part.split()) if part.isspace() or "\n" in part else part for part in (left, right))  # type: ignore[return-value]


@dataclass(frozen=True)
class Concordance:
    """A word in its contexts, the strongest effect first.

    Attributes:
        word: The word, or the name of a slice.
        method: By which method.
        where: Which rows.
        total: How many occurrences there are.
        lines: The strongest of them.
    """

    word: str
    method: str
    where: Where
    total: int
    lines: tuple[Line, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        lines = [{**dataclasses.asdict(line), "word": line.word} for line in self.lines]
        return {"word": self.word, "method": self.method, "where": self.where.to_dict(), "total": self.total, "lines": lines}

    def to_frame(self) -> pd.DataFrame:
        """One row per line: row, left, word, right, effect, target, label, prediction."""
        import pandas as pd

        columns = ["row", "left", "word", "right", "effect", "target", "label", "prediction"]
        rows = [
            (line.row, left, line.word, right, line.effect, line.target, line.label, line.prediction)
            for line in self.lines
            for left, right in [line.context()]
        ]
        return pd.DataFrame(rows, columns=columns)


def concordance(
    run: Run | str | Path,
    word: str | Slice,
    *,
    method: str | None = None,
    where: Where | None = None,
    most: int = MOST_LINES,
    unit: str = "words",
    casefold: bool = True,
) -> Concordance:
    """Every occurrence of a word in a run, or of what puts a text into a slice.

    Args:
        run: A run or its folder.
        word: A word as findings count it, or a slice for phrases and patterns.
        method: Whose effects; the run's first if left out.
        where: Which rows; all if left out.
        most: How many lines are given, those with the largest absolute effect.
        unit: What counts as a word, as for `findings`.
        casefold: Whether case makes no difference.

    Raises:
        InputError: The run has no such method.
    """
    run, where = opened(run), where or Where()
    labels = labels_of_methods(run, None if method is None else [method])
    if not labels:
        raise InputError("This run has no methods, and so no effects of words.")
    name, counted = labels[0].name, Counted(unit, casefold)
    kept: list[tuple[float, int, int, Line]] = []
    total = 0
    for batch in iter_batches(run, READ):
        found = _of_slice(batch, word, name) if isinstance(word, Slice) else effects_in(batch, [name], counted)
        if not isinstance(word, Slice):
            found = found[found["word"] == counted.key(word)]
        found = found[found[name].notna()]
        found = found[where.mask(found)]
        total += len(found)
        lines = _lines(batch, found, name)
        kept = heapq.nlargest(
            most, [*kept, *((abs(line.effect), -line.row, -line.start, line) for line in lines)], key=lambda item: item[:3]
        )
    said = word.name if isinstance(word, Slice) else word
    return Concordance(said, name, where, total, tuple(line for *_, line in kept))


def behind(run: Run | str | Path, findings: Sequence[WordFinding]) -> list[tuple[Line, ...]]:
    """The lines of the places that findings carry, in the order of the findings; the run is read once for all."""
    wanted = {place.row for finding in findings for place in finding.places}
    texts: dict[int, tuple[Any, ...]] = {}
    for batch in iter_batches(opened(run), READ) if wanted else ():
        rows = told_by(batch, "row")
        for index in np.flatnonzero(np.isin(rows, list(wanted))).tolist():
            row = batch.slice(index, 1)
            told = [told_by(row, name)[0] for name in ("target", "label", "prediction")]
            texts[int(rows[index])] = (row["text"][0].as_py(), *told, float(told_by(row, "output")[0]))
    return [tuple(_line(place.row, place.start, place.end, place.effect, *texts[place.row]) for place in one.places) for one in findings]


def _line(row: int, start: int, end: int, effect: float, text: str, target: str, label: str | None, prediction: str, output: float) -> Line:
    return Line(row, text, start, end, effect, target, label, prediction, output)


def _lines(batch: pa.RecordBatch, found: pd.DataFrame, method: str) -> Iterator[Line]:
    """Lines of occurrences in a batch."""
    if found.empty:
        return
    index = {row: number for number, row in enumerate(told_by(batch, "row").tolist())}
    outputs = told_by(batch, "output")
    columns = (found[name].tolist() for name in ("row", "start", "end", method, "target", "label", "prediction"))
    for row, start, end, effect, target, label, prediction in zip(*columns, strict=True):
        text = batch["text"][index[row]].as_py()
        known = label if isinstance(label, str) else None
        yield Line(row, text, start, end, effect, target, known, prediction, float(outputs[index[row]]))


def _of_slice(batch: pa.RecordBatch, part: Slice, method: str) -> pd.DataFrame:
    """The occurrences that put the texts of a batch into a slice, as `effects_in` gives those of words."""
    import pandas as pd

    tokens, lengths = tokens_in(batch), [len(special) for special in lists_of(batch["special"], len(batch))]
    told = {name: told_by(batch, name) for name in TOLD}
    rows, offset = [], 0
    for number, (text, length, scores) in enumerate(
        zip(batch["text"].to_pylist(), lengths, lists_of(scores_of(batch, method), len(batch)), strict=True)
    ):
        for start, end, covered in part.spans(tokens[offset : offset + length], text):
            effect = float("nan") if scores is None else float(scores[list(covered)].sum())
            rows.append([*(told[name][number] for name in TOLD), part.name, start, end, effect])
        offset += length
    return pd.DataFrame(rows, columns=[*TOLD, "word", "start", "end", method])
