"""Which methods are faithful on this text, and which of them are no better than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from explain.summary.claims import FaithfulMethod, Standing
from explain.types import Array

SELDOM = 0.05
"""Share of random orders that are allowed to be as faithful as a method that is called better than chance."""
LIKELY = 0.5
"""Share of the chance level up to which a method is no better than chance: about one random order in five is as faithful as that."""


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


@runtime_checkable
class Areas(Protocol):
    """A band that knows its orders one by one."""

    @property
    def areas(self) -> Array:
        """Comprehensiveness and sufficiency of every random order [orders, 2]."""


@dataclass(frozen=True)
class _Area:
    """What faithfulness is computed from."""

    comprehensiveness: float
    sufficiency: float


def chance_level(faithfulness: Measured) -> float:
    """The faithfulness that `SELDOM` of the random orders exceed; NaN where no order is better than another.

    Where only the band of random orders is known it is that of an order on its better edge. At each step 5 % of the random orders are
    beyond the edge; one that is so all the way is rarer, so that this level is on the safe side.
    """
    random = faithfulness.random
    if isinstance(random, Areas):
        reached = [
            faithfulness.overall(_Area(float(comprehensiveness), float(sufficiency))) for comprehensiveness, sufficiency in random.areas
        ]
        return float(np.quantile(reached, 1 - SELDOM))
    return faithfulness.overall(
        _Area(
            comprehensiveness=float(random.deletion[0] - random.deletion_low[1:-1].mean()),
            sufficiency=float(random.insertion[-1] - random.insertion_high[1:-1].mean()),
        )
    )


def standing(value: float, chance: float) -> Standing:
    """How a faithfulness stands to chance."""
    if value > chance:
        return Standing.BETTER
    return Standing.UNCLEAR if value > LIKELY * chance else Standing.CHANCE


def faithful_methods(faithfulness: Measured | None, methods: Sequence[str]) -> tuple[tuple[FaithfulMethod, ...], float, bool]:
    """The methods with a known faithfulness, the most faithful first; the chance level; whether it was measured but is not defined."""
    if faithfulness is None:
        return (), float("nan"), False
    values = {curve.name: faithfulness.overall(curve) for curve in faithfulness.curves if curve.name in methods}
    known = sorted((name for name in values if not math.isnan(values[name])), key=lambda name: -values[name])
    if not known:
        return (), float("nan"), bool(values)
    chance = max(0.0, chance_level(faithfulness))
    return tuple(FaithfulMethod(name, values[name], standing(values[name], chance)) for name in known), chance, False
