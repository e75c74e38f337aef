"""What findings must be, computed row by row and word by word with plain loops."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy import stats

from dataset.findings.made import Written, pieces


def effects(row: Written, method: str) -> dict[str, list[float]]:
    """Word -> the summed scores of each of its occurrences in a row."""
    found: dict[str, list[float]] = defaultdict(list)
    scores = row.scores[method]
    if scores is None:
        return found
    places = pieces(row.text)
    for match in re.finditer(r"\w+|[^\w\s]", row.text):
        inside = [score for (start, end), score in zip(places, scores[1:-1], strict=True) if match.start() <= start and end <= match.end()]
        found[match[0].casefold()].append(sum(inside))
    return found


def observations(rows: Sequence[Written], method: str, word: str) -> list[float]:
    """The mean effect of a word in each of the rows in which it stands."""
    return [float(np.mean(found[word])) for row in rows if word in (found := effects(row, method))]


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    found = stats.ttest_1samp(values, 0.0)
    low, high = found.confidence_interval(0.95)
    return float(np.mean(values)), float(low), float(high)


def words_in(rows: Sequence[Written]) -> list[str]:
    return sorted({match.casefold() for row in rows for match in re.findall(r"\w+|[^\w\s]", row.text)})
