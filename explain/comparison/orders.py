"""Orders in which tokens are taken away: by importance, at random, and the best that a beam search finds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from explain.models.perturbation import Keep
from explain.types import Array

Order = tuple[int, ...]


def importance_order(scores: Array) -> Order:
    """Players by score, the largest first; of equal ones the earlier."""
    return tuple(np.argsort(-scores, kind="stable").tolist())


def random_orders(players: int, count: int, generator: np.random.Generator) -> list[Order]:
    """Random orders of all players."""
    return [tuple(generator.permutation(players).tolist()) for _ in range(count)]


def best_order(value: Callable[[Keep], Array], players: int, width: int, *, largest: bool) -> Order:
    """The order of deletion with the largest (or smallest) area over the curve that a beam search finds.

    Every step extends each of the `width` best partial orders by every player that is left; of partial orders that took away the
    same players, the best one is kept. With a beam as wide as there are subsets the order is the best of all.
    """
    sign = 1.0 if largest else -1.0
    beam: dict[frozenset[int], tuple[float, Order]] = {frozenset(): (0.0, ())}
    for _ in range(players):
        extended = [
            (removed, area, order, player) for removed, (area, order) in beam.items() for player in range(players) if player not in removed
        ]
        keep = np.ones((len(extended), players), dtype=bool)
        for row, (removed, _, _, player) in zip(keep, extended, strict=True):
            row[[*removed, player]] = False
        grown: dict[frozenset[int], tuple[float, Order]] = {}
        for (removed, area, order, player), score in zip(extended, value(keep).tolist(), strict=True):
            now, gained = removed | {player}, area - sign * score
            if now not in grown or gained > grown[now][0]:
                grown[now] = gained, (*order, player)
        beam = dict(sorted(grown.items(), key=lambda entry: -entry[1][0])[:width])
    return next(iter(beam.values()))[1]
