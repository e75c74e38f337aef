"""How alike two methods' scores of the same tokens are: pure functions of two arrays [n]."""

from __future__ import annotations

import numpy as np

from explain.types import Array


def kendall(first: Array, second: Array) -> float:
    """Kendall's tau-b; NaN if one side is constant."""
    from scipy import stats

    return float("nan") if _constant(first, second) else float(stats.kendalltau(first, second).statistic)


def spearman(first: Array, second: Array) -> float:
    """Spearman's rho; NaN if one side is constant."""
    from scipy import stats

    return float("nan") if _constant(first, second) else float(stats.spearmanr(first, second).statistic)


def cosine(first: Array, second: Array) -> float:
    """Cosine of the angle between two score vectors; NaN if one is zero."""
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length else float("nan")


def overlap(first: Array, second: Array, k: int) -> float:
    """Share of the k tokens with the largest absolute scores that two methods have in common."""
    return float(np.minimum(_top(first, k), _top(second, k)).sum()) / k


def _top(scores: Array, k: int) -> Array:
    """1 for the k largest absolute scores; those tied at the k-th place share what is left of k."""
    size = np.abs(scores)
    last = np.sort(size)[-k]
    above, tied = size > last, size == last
    return np.where(above, 1.0, np.where(tied, (k - above.sum()) / tied.sum(), 0.0))


def _constant(first: Array, second: Array) -> bool:
    return bool(np.ptp(first) == 0 or np.ptp(second) == 0)
