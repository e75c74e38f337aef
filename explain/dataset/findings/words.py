"""Words with the largest mean effect on a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from explain.dataset.findings.found import Effect, WordFinding, effects_of
from explain.dataset.findings.moments import adjusted
from explain.dataset.findings.tally import merged, moments
from explain.dataset.findings.where import Where

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class WordEffect(WordFinding):
    """A word's mean effect on a class, the explained target; positive pushes towards it.

    Attributes:
        target: The class.
        effect: Over the rows whose explained target it is.
        q: Benjamini and Hochberg's p-value of a mean of 0, over all words that were counted often enough.
    """

    target: str
    effect: Effect
    q: float

    @property
    def where(self) -> Where:
        return Where(target=self.target)


def word_effects(cells: pd.DataFrame, *, minimum: int, most: int) -> tuple[WordEffect, ...]:
    """Per method and class, the words that push furthest towards it (largest first), then those that push furthest away.

    Args:
        cells: A tally's table.
        minimum: In how many rows a word must stand.
        most: How many words of each direction.
    """
    table = merged(cells, ["method", "target", "word"])
    table = table[table["rows"] >= max(2, minimum)]
    found: list[WordEffect] = []
    for (method, target), part in table.groupby(["method", "target"], sort=False):
        tested = part.assign(q=adjusted(moments(part).p_values())).sort_values(["mean", "word"], ascending=[False, True])
        means = tested["mean"].to_numpy()
        towards, away = np.flatnonzero(means > 0)[:most], np.flatnonzero(means < 0)[::-1][:most]
        chosen = tested.iloc[[*towards, *away]]
        rows = zip(chosen["word"], effects_of(chosen), chosen["q"].tolist(), strict=True)
        found += [WordEffect(str(method), word, (), str(target), effect, q) for word, effect, q in rows]
    return tuple(found)
