"""Orders in which tokens are taken away: by importance, at random, and the best that a beam search finds."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, sqrt

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


def best_order(value: Callable[[Keep], Array], players: int, width: int, *, largest: bool, limit: int | None = None) -> Order:
    """The order of deletion with the largest (or smallest) area over the curve that a beam search finds.

    Every step extends each of the `width` best partial orders by every player that is left; of partial orders that took away the
    same players, the best one is kept. With a beam as wide as there are subsets the order is the best of all.

    Args:
        value: Scores [B] of `keep` [B, players].
        players: How many there are.
        width: Of the beam.
        largest: Whether the area is to be large or small.
        limit: About how many inputs may be scored. Where the beam would need more it is narrowed (`width_within`), and where even a
            beam of one would, each step tries only those players that change the score most when they are taken away alone.
    """
    sign = 1.0 if largest else -1.0
    width = width_within(players, width, limit)
    tries = _tries_within(players, limit)
    alone = (-sign * value(~np.eye(players, dtype=bool))).tolist()
    promising = sorted(range(players), key=lambda player: -alone[player])
    beam: dict[frozenset[int], tuple[float, Order]] = {frozenset(): (0.0, ())}
    for _ in range(players):
        extended = [
            (removed, area, order, player)
            for removed, (area, order) in beam.items()
            for player in [player for player in promising if player not in removed][:tries]
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


def width_within(players: int, width: int, limit: int | None) -> int:
    """The widest beam, up to `width` and at least 1, that scores about `limit` inputs: n (n + 1) / 2 of n players for each of its width."""
    return width if limit is None else max(1, min(width, 2 * limit // (players * (players + 1))))


def _tries_within(players: int, limit: int | None) -> int:
    """How many players a step may try so that a beam of one scores at most about `limit` inputs: t x players - t (t - 1) / 2."""
    if limit is None or players * (players + 1) <= 2 * limit:
        return players
    b = players + 0.5
    return max(1, floor(b - sqrt(b * b - 2 * limit)))
