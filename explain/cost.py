"""What explanations will cost: forward passes times the measured speed of this model on this text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from explain.analysis import Analysis
from explain.methods.method import Method
from explain.models.score import Score

ROWS = 4


@dataclass(frozen=True)
class Cost:
    """What methods will cost, in their order.

    Attributes:
        passes: Forward passes that each will take, by name; a rough number where a method stops when it is exact enough.
        seconds_per_pass: Measured on this text, in a batch of four rows.
        seconds_alone: Of a pass of one row, with which every method begins.
    """

    passes: dict[str, int]
    seconds_per_pass: float
    seconds_alone: float

    def seconds(self, methods: Sequence[str]) -> float:
        """How long these methods will take, about."""
        return sum(self.seconds_alone + (self.passes[name] - 1) * self.seconds_per_pass for name in methods)


def expected_cost(analysis: Analysis, methods: Sequence[Method]) -> Cost:
    """Count the passes that the methods will need and measure two."""
    passes = {method.name: sum(map(method.expected_passes, analysis.scores)) for method in methods}
    return Cost(passes, _seconds(analysis.scores[-1], ROWS) / ROWS, _seconds(analysis.scores[-1], 1))


def _seconds(score: Score, rows: int) -> float:
    started = time.perf_counter()
    with torch.no_grad():
        score.recounted().of_rows(*score.encoding.batch(rows))
    return time.perf_counter() - started
