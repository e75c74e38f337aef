"""Which methods are faithful on this text, and which of them are no better than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from explain.summary.claims import FaithfulMethod
from explain.types import Array


class Named(Protocol):
    """The curves of one method."""

    @property
    def name(self) -> str: ...


class Band(Protocol):
    """What random orders reach at every step: mean, and the 5th or 95th percentile on the better side."""

    @property
    def deletion(self) -> Array: ...
    @property
    def deletion_low(self) -> Array: ...
    @property
    def insertion(self) -> Array: ...
    @property
    def insertion_high(self) -> Array: ...


class Measured(Protocol):
    """What is read of `explain.evaluation.faithfulness.Faithfulness`."""

    @property
    def curves(self) -> Sequence[Named]: ...
    @property
    def random(self) -> Band: ...
    def overall(self, curve: Any, /) -> float:
        """0 for random orders, 1 for the best order found, from the curve's comprehensiveness and sufficiency."""


@dataclass(frozen=True)
class _Edge:
    """An order that is as good at every step as the edge of the random band."""

    comprehensiveness: float
    sufficiency: float


def chance_level(faithfulness: Measured) -> float:
    """The faithfulness that luck alone seldom exceeds: that of an order on the better edge of the band of random orders.

    At every step no more than 5 % of the random orders are better than the edge. One that is so at all steps at once is rarer still, so
    that a method above this level is better than chance with more than 95 % confidence. NaN where no order is better than another.
    """
    random = faithfulness.random
    return faithfulness.overall(
        _Edge(
            comprehensiveness=float(random.deletion[0] - random.deletion_low[1:-1].mean()),
            sufficiency=float(random.insertion[-1] - random.insertion_high[1:-1].mean()),
        )
    )


def faithful_methods(faithfulness: Measured | None, methods: Sequence[str]) -> tuple[tuple[FaithfulMethod, ...], float, bool]:
    """The methods with a known faithfulness, the most faithful first; the chance level; whether it was measured but is not defined."""
    if faithfulness is None:
        return (), float("nan"), False
    values = {curve.name: faithfulness.overall(curve) for curve in faithfulness.curves if curve.name in methods}
    known = sorted((name for name in values if not math.isnan(values[name])), key=lambda name: -values[name])
    if not known:
        return (), float("nan"), bool(values)
    chance = chance_level(faithfulness)
    return tuple(FaithfulMethod(name, values[name], values[name] > chance) for name in known), chance, False
