"""What explanations will cost: forward passes times the measured speed of this model on this text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from explain.analysis import Analysis
from explain.methods.method import Method

ROWS = 4


@dataclass(frozen=True)
class Cost:
    """What methods will cost, in their order.

    Attributes:
        passes: Rows that will go forward through the model, by method name; a rough number where a method stops when it is exact enough.
        seconds_per_pass: Measured on this text, in a batch of four rows.
    """

    passes: dict[str, int]
    seconds_per_pass: float

    def seconds(self, methods: Sequence[str]) -> float:
        """How long these methods will take, about."""
        return sum(self.passes[name] for name in methods) * self.seconds_per_pass


def expected_cost(analysis: Analysis, methods: Sequence[Method]) -> Cost:
    """Count the passes that the methods will need and measure one."""
    passes = {method.name: sum(map(method.expected_passes, analysis.scores)) for method in methods}
    score = analysis.scores[-1]
    started = time.perf_counter()
    with torch.no_grad():
        score.recounted().of_rows(*score.encoding.batch(ROWS))
    return Cost(passes, (time.perf_counter() - started) / ROWS)
