"""Curves of removal: the explained score while features are taken away or brought back in an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explain.models.perturbation import PerturbedScore
from explain.types import Array

BAND = (5, 95)


@dataclass(frozen=True)
class Curve:
    """The explained score while features are taken away, or brought back, in an order.

    Attributes:
        name: The method, or what the order is.
        order: Numbers of the features, the most important first [n].
        deletion: Score without the first k of the order, k = 0 … n.
        insertion: Score with the first k alone, k = 0 … n.
    """

    name: str
    order: tuple[int, ...]
    deletion: Array
    insertion: Array

    @property
    def comprehensiveness(self) -> float:
        """Area over the deletion curve: mean of score(text) - score(without the first k) over k = 1 … n - 1. Larger is better."""
        return float(self.deletion[0] - self.deletion[1:-1].mean())

    @property
    def sufficiency(self) -> float:
        """Area over the insertion curve: mean of score(text) - score(the first k alone) over k = 1 … n - 1. Smaller is better."""
        return float(self.insertion[-1] - self.insertion[1:-1].mean())


@dataclass(frozen=True)
class RandomBand:
    """What random orders reach: means, and the 5th and 95th percentile of the curves.

    `areas` holds the comprehensiveness and sufficiency of every one of them [orders, 2].
    """

    orders: int
    deletion: Array
    deletion_low: Array
    deletion_high: Array
    insertion: Array
    insertion_low: Array
    insertion_high: Array
    comprehensiveness: float
    sufficiency: float
    areas: Array

    @classmethod
    def of(cls, curves: Sequence[Curve]) -> RandomBand:
        """The band of the curves of random orders."""
        deletion, insertion = (np.stack([getattr(curve, kind) for curve in curves]) for kind in ("deletion", "insertion"))
        low, high = (np.percentile(deletion, percent, axis=0) for percent in BAND)
        areas = np.array([[curve.comprehensiveness, curve.sufficiency] for curve in curves])
        below, above = (np.percentile(insertion, percent, axis=0) for percent in BAND)
        return cls(
            len(curves),
            deletion.mean(0),
            low,
            high,
            insertion.mean(0),
            below,
            above,
            float(areas[:, 0].mean()),
            float(areas[:, 1].mean()),
            areas,
        )


def curve_of(value: PerturbedScore, name: str, order: Sequence[int]) -> Curve:
    """The curve of an order."""
    rank = np.empty(len(order), dtype=int)
    rank[list(order)] = np.arange(len(order))
    steps = np.arange(len(order) + 1)[:, None]
    scores = value(np.concatenate([rank >= steps, rank < steps]))
    return Curve(name, tuple(map(int, order)), *np.split(scores, 2))
