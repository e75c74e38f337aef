"""Spurious cues: words that push towards a class whatever the label, and mislead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from explain.dataset.findings.effects import told_by
from explain.dataset.findings.found import ALPHA, Effect, WordFinding, effects_of
from explain.dataset.findings.moments import Moments, adjusted
from explain.dataset.findings.tally import merged, moments
from explain.dataset.findings.where import Where

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from explain.types import Array


EXCESS, DOUBT = "\0excess", "\0doubt"
"""Tallied beside the methods: how much surer of its answer the model was than right, and the variance of that if it is right as often."""
EVERY = ""
"""The word that stands in every row."""
SURELY = 0.01
"""Below this an excess is believed: who calls a word spurious should seldom be wrong."""
_SIDE = ("rows", "occurrences", "mean", "squares")
_TOLD = ["word", "called", "right", "sure", "excess", "q_excess"]


@dataclass(frozen=True)
class Cue(WordFinding):
    """A word that pushes towards a class in rows of that label and of others.

    Words that rightly speak for a class do that too. A word is `spurious` where the labels do not bear it out: of the rows that the model
    calls this class, those with the word are right less often than the model is sure, by more than those without it. A word that tells
    the label in these data as well (an artefact of how they were made) cannot be told from one that rightly does: it is listed, and not
    called spurious.

    Attributes:
        target: The class.
        other: Effect in rows of other labels; its interval is above 0.
        own: Effect in rows of this label.
        q_effect: Benjamini and Hochberg's p-value of no effect in rows of other labels.
        called: How many rows with the word are called this class.
        right: Share of them whose label it is.
        sure: The model's mean probability in them.
        excess: How much `sure` is above `right`, less the same of the rows without the word.
        q_excess: Benjamini and Hochberg's p-value of no excess, over all words; NaN where the model gives no probability, or the word
            stands in all rows that are called this class.
    """

    target: str
    other: Effect
    own: Effect
    q_effect: float
    called: int
    right: float
    sure: float
    excess: float
    q_excess: float

    @property
    def spurious(self) -> bool:
        """Whether it misleads: it pushes regardless of the label, and the model trusts it more than it is right."""
        return self.q_excess < SURELY

    @property
    def where(self) -> Where:
        return Where(target=self.target, not_label=self.target)


def trust(batch: pa.RecordBatch) -> dict[str, Array]:
    """What is tallied of the rows of a batch: `EXCESS` and `DOUBT`, NaN without label or probability."""
    label, prediction = told_by(batch, "label"), told_by(batch, "prediction")
    sure = batch["probability"].cast("float64").to_numpy(zero_copy_only=False)
    known = np.array([name is not None for name in label], dtype=bool)
    return {EXCESS: np.where(known, sure - (label == prediction), np.nan), DOUBT: np.where(known, sure * (1 - sure), np.nan)}


def cues(cells: pd.DataFrame, *, minimum: int, most: int) -> tuple[Cue, ...]:
    """Per method, the words that push towards a class regardless of the label: the spurious ones first, then by their effect.

    Args:
        cells: A tally's table, with `EXCESS` and `DOUBT` among its methods.
        minimum: In how many rows of other labels, and of this one, a word must stand.
        most: How many words of each class, the spurious ones not counted.
    """
    labelled = cells[cells["label"].notna()]
    known = set(labelled["label"])
    found: list[Cue] = []
    for (method, target), part in labelled.groupby(["method", "target"], sort=False):
        if target in known and method not in (EXCESS, DOUBT):
            called = cells[(cells["target"] == target) & (cells["prediction"] == target)]
            found += _of_class(str(method), str(target), part, _misleading(called, max(2, minimum)), max(2, minimum), most)
    order = list(dict.fromkeys(cue.method for cue in found))
    return tuple(sorted(found, key=lambda cue: (order.index(cue.method), not cue.spurious, -cue.other.mean)))


def _of_class(method: str, target: str, cells: pd.DataFrame, misleading: pd.DataFrame, minimum: int, most: int) -> list[Cue]:
    alike = cells["label"] == target
    other, own = (_enough(cells[chosen], minimum) for chosen in (~alike, alike))
    other = other.assign(q_effect=adjusted(moments(other).p_values(above=True)))
    pushing = other[(other["q_effect"] < ALPHA)].merge(own[own["mean"] > 0], on="word", suffixes=("", "_own"))
    table = pushing.merge(misleading, on="word", how="left").fillna({"called": 0})
    table = table.assign(spurious=table["q_excess"] < SURELY).sort_values(["spurious", "mean", "word"], ascending=[False, False, True])
    table = table[table["spurious"] | (np.cumsum(~table["spurious"]) <= most)]
    mine = table[[f"{name}_own" for name in _SIDE]].rename(columns=lambda name: name.removesuffix("_own"))
    numbers = (table[name].tolist() for name in ("q_effect", "called", "right", "sure", "excess", "q_excess"))
    return [
        Cue(method, word, (), target, there, here, q, int(called), *values)
        for word, there, here, q, called, *values in zip(table["word"], effects_of(table), effects_of(mine), *numbers, strict=True)
    ]


def _enough(cells: pd.DataFrame, minimum: int) -> pd.DataFrame:
    table = merged(cells, ["word"])
    return table[table["rows"] >= minimum]


def _misleading(called: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Of all words in rows that are called a class: how sure the model is there, how often right, and whether that is less.

    The variance is the one that holds if the model is right as often as it is sure (Spiegelhalter, 1986), so that few rows which happen to
    be alike prove nothing.
    """
    excess, doubt = (merged(called[called["method"] == name], ["word"]).set_index("word") for name in (EXCESS, DOUBT))
    whole = moments(excess.loc[[EVERY]]) if EVERY in excess.index else None
    own = excess[(excess.index != EVERY) & (excess["rows"] >= minimum)]
    if whole is None or own.empty:
        return own.assign(called=0, right=np.nan, sure=np.nan, excess=np.nan, q_excess=np.nan).reset_index()[_TOLD]
    with_it = moments(own)
    without = Moments(*(np.broadcast_to(part, with_it.rows.shape) for part in vars(whole).values())) - with_it
    variance = np.maximum(doubt.loc[own.index, "mean"].to_numpy() / with_it.rows, with_it.error**2)
    step = with_it.mean - np.maximum(without.mean, 0.0)
    right = called[(called["method"] == EXCESS) & (called["label"] == called["prediction"])].groupby("word")["rows"].sum()
    share = right.reindex(own.index).fillna(0.0).to_numpy() / with_it.rows
    p = np.where(without.rows < 2, np.nan, _above(step, np.sqrt(variance + np.nan_to_num(without.error) ** 2), with_it.rows - 1))
    found = own.assign(called=own["rows"], right=share, sure=with_it.mean + share, excess=step, q_excess=adjusted(p))
    return found.reset_index()[_TOLD]


def _above(step: Array, error: Array, freedom: Array) -> Array:
    """One-sided p-values of the t test that a difference is not above 0."""
    from scipy import stats

    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(step == 0, 0.0, step / error)
    return np.asarray(stats.t.sf(z, freedom), dtype=np.float64)
