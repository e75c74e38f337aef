"""Two runs on the same data, or two methods of one run, side by side."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.dataset.findings.effects import TOLD, Counted
from explain.dataset.findings.found import MINIMUM, MOST, effects_of
from explain.dataset.findings.joining import FIRST, SECOND, Part, joined
from explain.dataset.findings.moments import adjusted
from explain.dataset.findings.pairs import RowPair, Side, SideBySide, WordPair
from explain.dataset.findings.reading import labels_of_methods, opened
from explain.dataset.findings.tally import Tally, merged, moments
from explain.errors import InputError
from explain.similarity import spearman

if TYPE_CHECKING:
    import pandas as pd

    from explain.dataset.reader import Run

DIFFERENCE = "difference"
FEWEST = 3


def side_by_side(
    run: Run | str | Path,
    other: Run | str | Path | None = None,
    *,
    method: str | None = None,
    other_method: str | None = None,
    shares: bool | None = None,
    unit: str = "words",
    casefold: bool = True,
    minimum: int = MINIMUM,
    most: int = MOST,
) -> SideBySide:
    """Two runs on the same data, or two methods of one run, joined row by row; both are read in batches.

    Args:
        run: The first run, or its folder.
        other: The second; the first again if left out.
        method: Of the first; its first method if left out.
        other_method: Of the second; the same method if left out, or the next one of the same run.
        shares: Whether effects are compared as shares of their text; only where the methods differ if left out.
        unit: What counts as a word, as for `findings`.
        casefold: Whether case makes no difference.
        minimum: In how many rows a word must stand.
        most: How many words and rows are given.

    Raises:
        InputError: The runs are of different data, a method is not there, or one is compared with itself.
    """
    first_run, second_run = opened(run), opened(run if other is None else other)
    sides = _sides(first_run, second_run, method, other_method, same=other is None)
    relative = sides[0].method != sides[1].method if shares is None else shares
    counted = Counted(unit, casefold)
    tally, rows = Tally(), _Rows(most)
    for one, two in joined(first_run, second_run, (sides[0].method, sides[1].method), counted):
        words = _paired(one.words, two.words, relative)
        rows.add(one, two, words)
        tally.add(words.assign(**{DIFFERENCE: words[FIRST] - words[SECOND]}), [FIRST, SECOND, DIFFERENCE])
    table = merged(tally.table(), ["method", "target", "word"])
    table = table[table["rows"] >= max(2, minimum)]
    pairs, correlation = _words(table, most)
    return SideBySide(*sides, relative, *rows.counts, pairs, correlation, *rows.result())


class _Rows:
    """What is counted of the rows of both, and those that are shown."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._both = self._alone = self._compared = self._disagreeing = 0
        self._changed: list[RowPair] = []
        self._apart: list[tuple[float, int, RowPair]] = []

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return self._both, self._alone, self._compared, self._disagreeing

    def add(self, one: Part, two: Part, words: pd.DataFrame) -> None:
        """Take in rows of both sides and the effects of their common words.

        Raises:
            InputError: A row has another text in the second.
        """
        both = one.rows.merge(two.rows, on="row", suffixes=("", "_other"))
        other = both[both["text"] != both["text_other"]]
        if len(other):
            row, first, second = other[["row", "text", "text_other"]].iloc[0]
            raise InputError(
                f"These runs are not of the same data: row {row} is {first[:60]!r} in the first and {second[:60]!r} in the second. "
                "Compare runs of one data set."
            )
        changed = both["prediction"] != both["prediction_other"]
        self._both += len(both)
        self._alone += len(one.rows) + len(two.rows) - 2 * len(both)
        self._compared += int((both["target"] == both["target_other"]).sum())
        self._disagreeing += int(changed.sum())
        distance = _distances(words)
        told = both.assign(apart=both["row"].map(distance))
        self._changed += map(_row_pair, told[changed].head(self._most - len(self._changed)).to_dict("records"))
        furthest = told[told["apart"].notna()].nlargest(self._most, "apart").to_dict("records")
        pairs = [*self._apart, *((row["apart"], -row["row"], _row_pair(row)) for row in furthest)]
        self._apart = heapq.nlargest(self._most, pairs, key=lambda item: item[:2])

    def result(self) -> tuple[tuple[RowPair, ...], tuple[RowPair, ...]]:
        """The rows furthest apart, and those with other predictions."""
        return tuple(pair for *_, pair in self._apart), tuple(self._changed)


def _row_pair(row: dict[Any, Any]) -> RowPair:
    label = row["label"] if isinstance(row["label"], str) else None
    predictions, targets = ((row[name], row[f"{name}_other"]) for name in ("prediction", "target"))
    return RowPair(int(row["row"]), row["text"], label, predictions, targets, float(row["apart"]))


def _paired(one: pd.DataFrame, two: pd.DataFrame, relative: bool) -> pd.DataFrame:
    """The effects of the words that both have in rows that explain the same."""
    if relative:
        one, two = (_as_shares(frame, side) for frame, side in ((one, FIRST), (two, SECOND)))
    other = two[["row", "word", "target", SECOND]]
    return one[[*TOLD, "word", "occurrences", FIRST]].merge(other, on=["row", "word", "target"]).dropna(subset=[FIRST, SECOND])


def _as_shares(words: pd.DataFrame, side: str) -> pd.DataFrame:
    whole = words[side].abs().groupby(words["row"]).transform("sum")
    return words.assign(**{side: words[side] / whole.where(whole > 0)})


def _distances(words: pd.DataFrame) -> pd.Series[Any]:
    """Row -> 1 minus the cosine of both effects; left out where one side is all zero or has fewer than `FEWEST` words."""
    enough = words.groupby("row")["word"].transform("size") >= FEWEST
    products = (
        words[enough]
        .assign(a=words[FIRST] ** 2, b=words[SECOND] ** 2, c=words[FIRST] * words[SECOND])
        .groupby("row")[["a", "b", "c"]]
        .sum()
    )
    size = np.sqrt(products["a"] * products["b"])
    cosines: pd.Series[Any] = products["c"][size > 0] / size[size > 0]
    return cosines.rsub(1.0)


def _words(table: pd.DataFrame, most: int) -> tuple[tuple[WordPair, ...], dict[str, float]]:
    """The words that differ most by target, and the rank correlation over all words."""
    found: list[WordPair] = []
    correlation: dict[str, float] = {}
    sides = {name: part.set_index(["target", "word"]) for name, part in table.groupby("method", sort=False)}
    if DIFFERENCE not in sides:
        return (), {}
    for target, part in sides[DIFFERENCE].groupby(level="target", sort=False):
        tested = part.assign(q=adjusted(moments(part).p_values()), size=part["mean"].abs())
        own = {name: sides[name].loc[part.index] for name in (FIRST, SECOND)}
        means = (own[name]["mean"].to_numpy(dtype=np.float64) for name in (FIRST, SECOND))
        correlation[str(target)] = spearman(*means) if len(part) > 2 else float("nan")
        chosen = tested.sort_values("size", ascending=False, kind="stable").head(most)
        effects = (effects_of(own[name].loc[chosen.index]) for name in (FIRST, SECOND))
        words = chosen.index.get_level_values("word")
        rows = zip(words, *effects, effects_of(chosen), chosen["q"].tolist(), strict=True)
        found += [WordPair(word, str(target), first, second, difference, q) for word, first, second, difference, q in rows]
    return tuple(found), correlation


def _sides(one: Run, two: Run, method: str | None, other: str | None, *, same: bool) -> tuple[Side, Side]:
    first = labels_of_methods(one, None if method is None else [method])
    if not first:
        raise InputError("This run has no methods to compare.")
    wanted = other or (next((name for name in two.methods if name != first[0].name), "") if same else first[0].name)
    if same and (not wanted or wanted == first[0].name):
        raise InputError(f"One run was given, and one method ({first[0].name}): there is nothing to compare it with. Name another.")
    (second,) = labels_of_methods(two, [wanted])
    models = [str(run.manifest.get("model", "")) for run in (one, two)]
    names = [label.title for label in (first[0], second)] if same else models if models[0] != models[1] else ["first run", "second run"]
    if not same and first[0].name != second.name:
        names = [f"{name}, {label.title}" for name, label in zip(names, (first[0], second), strict=True)]
    return tuple(  # type: ignore[return-value]
        Side(name, model, label.name, label.title, label.signed)
        for name, model, label in zip(names, models, (first[0], second), strict=True)
    )
