"""Orders in which tokens are taken away: by importance, at random, and the best that a beam search finds."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, sqrt

import numpy as np

from explain.models.perturbation import Keep
from explain.types import Array

Order = tuple[int, ...]


def importance_order(scores: Array) -> Order:
    """Features by score, the largest first; of equal ones the earlier."""
    return tuple(np.argsort(-scores, kind="stable").tolist())


def random_orders(features: int, count: int, generator: np.random.Generator) -> list[Order]:
    """Random orders of all features."""
    return [tuple(generator.permutation(features).tolist()) for _ in range(count)]


def best_order(value: Callable[[Keep], Array], features: int, width: int, *, largest: bool, limit: int | None = None) -> Order:
    """The order of deletion with the largest (or smallest) area over the curve that a beam search finds.

    Every step extends each of the `width` best partial orders by every feature that is left; of partial orders that took away the
    same features, the best one is kept. With a beam as wide as there are subsets the order is the best of all.

    Args:
        value: Scores [B] of `keep` [B, features].
        features: How many there are.
        width: Of the beam.
        largest: Whether the area is to be large or small.
        limit: About how many inputs may be scored. Where the beam would need more it is narrowed (`width_within`), and where even a
            beam of one would, each step tries only those features that change the score most when they are taken away alone.
    """
    sign = 1.0 if largest else -1.0
    width = width_within(features, width, limit)
    tries = _tries_within(features, limit)
    alone = (-sign * value(~np.eye(features, dtype=bool))).tolist()
    promising = sorted(range(features), key=lambda feature: -alone[feature])
    beam: dict[frozenset[int], tuple[float, Order]] = {frozenset(): (0.0, ())}
    for _ in range(features):
        extended = [
            (removed, area, order, feature)
            for removed, (area, order) in beam.items()
            for feature in [feature for feature in promising if feature not in removed][:tries]
        ]
        keep = np.ones((len(extended), features), dtype=bool)
        for row, (removed, _, _, feature) in zip(keep, extended, strict=True):
            row[[*removed, feature]] = False
        grown: dict[frozenset[int], tuple[float, Order]] = {}
        for (removed, area, order, feature), score in zip(extended, value(keep).tolist(), strict=True):
            now, gained = removed | {feature}, area - sign * score
            if now not in grown or gained > grown[now][0]:
                grown[now] = gained, (*order, feature)
        beam = dict(sorted(grown.items(), key=lambda entry: -entry[1][0])[:width])
    return next(iter(beam.values()))[1]


def width_within(features: int, width: int, limit: int | None) -> int:
    """The widest beam, up to `width` and at least 1, that scores about `limit` inputs: n (n + 1) / 2 for each of its width."""
    return width if limit is None else max(1, min(width, 2 * limit // (features * (features + 1))))


def _tries_within(features: int, limit: int | None) -> int:
    """How many features a step may try so that a beam of one scores at most about `limit` inputs: t x features - t (t - 1) / 2."""
    if limit is None or features * (features + 1) <= 2 * limit:
        return features
    b = features + 0.5
    return max(1, floor(b - sqrt(b * b - 2 * limit)))
