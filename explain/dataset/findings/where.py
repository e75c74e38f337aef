"""Which rows stand behind a finding, and where in them a word is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

MOST_PLACES = 5
_CELL = ["method", "word", "target", "label", "prediction"]


@dataclass(frozen=True)
class Where:
    """A choice of rows; what is `None` chooses nothing.

    Attributes:
        target: What is explained.
        label: The data's own label.
        not_label: A label that the rows do not have; rows without any are left out.
        wrong: Whether the model's answer is another than the label; rows without a label are left out.
    """

    target: str | None = None
    label: str | None = None
    not_label: str | None = None
    wrong: bool | None = None

    def mask(self, told: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Which rows of a table with target, label and prediction these are."""
        known = told["label"].notna().to_numpy()
        kept = np.ones(len(told), dtype=bool)
        if self.target is not None:
            kept &= (told["target"] == self.target).to_numpy(dtype=bool)
        if self.label is not None:
            kept &= known & (told["label"] == self.label).to_numpy(dtype=bool, na_value=False)
        if self.not_label is not None:
            kept &= known & (told["label"] != self.not_label).to_numpy(dtype=bool, na_value=False)
        if self.wrong is not None:
            kept &= known & ((told["label"] != told["prediction"]).to_numpy(dtype=bool, na_value=False) == self.wrong)
        return kept

    def to_dict(self) -> dict[str, Any]:
        """What is chosen, for JSON."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Place:
    """One occurrence behind a finding.

    Attributes:
        row: The row of the data.
        start: First character in its text (0-based).
        end: One past the last.
        effect: The effect there.
    """

    row: int
    start: int
    end: int
    effect: float


class Places:
    """The strongest occurrences of the words that are asked for, kept while a run is read a second time.

    Args:
        words: (method, word) of all that is found.
        most: How many are kept for each word, class, label and prediction.
    """

    def __init__(self, words: Iterable[tuple[str, str]], most: int = MOST_PLACES) -> None:
        self._words: dict[str, set[str]] = {}
        for method, word in words:
            self._words.setdefault(method, set()).add(word)
        self._most = most
        self._kept: pd.DataFrame | None = None

    def add(self, occurrences: pd.DataFrame) -> None:
        """Look through the occurrences of a batch."""
        import pandas as pd

        parts = [] if self._kept is None else [self._kept]
        for method, words in self._words.items():
            found = occurrences[occurrences["word"].isin(words) & occurrences[method].notna()]
            named = found[["row", "word", "target", "label", "prediction", "start", "end"]]
            parts.append(named.assign(method=method, effect=found[method], size=found[method].abs()))
        if parts:
            ordered = pd.concat(parts, ignore_index=True).sort_values(["size", "row", "start"], ascending=[False, True, True])
            self._kept = ordered.groupby(_CELL, sort=False, dropna=False, observed=True).head(self._most)

    def of(self, method: str, word: str, where: Where) -> tuple[Place, ...]:
        """The strongest occurrences of a word in the rows of a finding, the strongest first."""
        if self._kept is None:
            return ()
        if not hasattr(self, "_by_word"):
            self._by_word = dict(list(self._kept.groupby(["method", "word"], sort=False)))
        own = self._by_word.get((method, word))
        if own is None:
            return ()
        chosen = own[where.mask(own)].head(self._most)
        columns = (chosen[name].tolist() for name in ("row", "start", "end", "effect"))
        return tuple(Place(*values) for values in zip(*columns, strict=True))
