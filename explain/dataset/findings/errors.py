"""What drives the errors: among rows of one label, words in wrong against right answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from explain.dataset.findings.found import Effect, WordFinding, effects_of
from explain.dataset.findings.moments import adjusted
from explain.dataset.findings.tally import merged, moments
from explain.dataset.findings.where import Where

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ErrorWord(WordFinding):
    """A word's effect in wrong and in right answers to rows of one label.

    Effects are towards what was explained: towards the label or another class in both, where one target was asked of all rows; else
    towards the model's own answer, which in wrong rows is another than the label.

    Attributes:
        label: The rows' label.
        wrong: Effect where the model answers otherwise.
        right: Effect where it answers the label.
        difference: Mean in wrong rows minus mean in right rows.
        low: Lower end of Welch's 95 % interval.
        high: Upper end.
        q: Benjamini and Hochberg's p-value of no difference, over all words of the label.
        share_wrong: Share of the wrong rows in which the word stands.
        share_right: Share of the right rows.
    """

    label: str
    wrong: Effect
    right: Effect
    difference: float
    low: float
    high: float
    q: float
    share_wrong: float
    share_right: float

    @property
    def where(self) -> Where:
        return Where(label=self.label, wrong=True)


def error_words(cells: pd.DataFrame, rows: pd.DataFrame, *, minimum: int, most: int) -> tuple[ErrorWord, ...]:
    """Per method and label, the words whose effect differs most surely between wrong and right answers.

    Args:
        cells: A tally's table.
        rows: How many rows there are by method, target, label and prediction.
        minimum: In how many wrong and how many right rows a word must stand.
        most: How many words of each label.
    """
    told = merged(_told(cells), ["method", "label", "wrong", "word"])
    told = told[told["rows"] >= max(2, minimum)]
    totals = _told(rows).groupby(["method", "label", "wrong"])["rows"].sum().to_dict()
    keys = ["method", "label", "word"]
    pairs = told[told["wrong"]].merge(told[~told["wrong"]], on=keys, suffixes=("_wrong", "_right"))
    found: list[ErrorWord] = []
    for (method, label), part in pairs.groupby(["method", "label"], sort=False):
        wrong, right = (_side(part, side) for side in ("wrong", "right"))
        difference, p = moments(wrong).minus(moments(right))
        columns = {"difference": difference.mean, "low": difference.low, "high": difference.high, "q": adjusted(p)}
        table = (
            part.assign(**columns, size=abs(difference.mean)).sort_values(["q", "size", "word"], ascending=[True, False, True]).head(most)
        )
        sides = zip(effects_of(_side(table, "wrong")), effects_of(_side(table, "right")), strict=True)
        for (one, other), word, *numbers in zip(sides, table["word"], *(table[name].tolist() for name in columns), strict=True):
            shares = (one.rows / totals[method, label, True], other.rows / totals[method, label, False])
            found.append(ErrorWord(str(method), word, (), str(label), one, other, *numbers, *map(float, shares)))
    return tuple(found)


def _told(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that have a label, and whether the answer is another."""
    labelled = table[table["label"].notna()]
    return labelled.assign(wrong=(labelled["label"] != labelled["prediction"]).astype(bool))


def _side(table: pd.DataFrame, side: str) -> pd.DataFrame:
    names = ("rows", "occurrences", "mean", "squares")
    return table[[f"{name}_{side}" for name in names]].rename(columns=lambda name: name.removesuffix(f"_{side}"))
