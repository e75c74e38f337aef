"""What explanations will cost: forward passes times the measured speed of this model on this text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from explain.analysis import Analysis
from explain.methods.method import Method
from explain.models.score import Score

ROWS = 8
"""Rows of the batch that is measured: of more each takes about as long."""
FEW = 4
"""Passes up to which no batch is measured: what it would tell takes longer than they do."""


@dataclass(frozen=True)
class Cost:
    """What methods will cost, in their order.

    Attributes:
        passes: Forward passes that each will take, by name; a rough number where a method stops when it is exact enough.
        seconds_per_pass: Of a row, measured on this text in a batch.
        seconds_alone: Of a pass of one row, with which every method begins.
    """

    passes: dict[str, int]
    seconds_per_pass: float
    seconds_alone: float

    def seconds(self, methods: Sequence[str]) -> float:
        """How long these methods will take, about."""
        return sum(self.seconds_alone + (self.passes[name] - 1) * self.seconds_per_pass for name in methods)


def expected_cost(analysis: Analysis, methods: Sequence[Method]) -> Cost:
    """Count the passes that the methods will need and measure one pass of one row and, if they need many, one of several."""
    score = analysis.scores[-1]
    passes = {method.name: sum(map(method.expected_passes, analysis.scores)) for method in methods}
    alone = _seconds(score, 1)
    rows = min(ROWS, score.rows_per_batch()) if max(passes.values(), default=0) > FEW else 1
    return Cost(passes, alone if rows == 1 else _seconds(score, rows) / rows, alone)


def _seconds(score: Score, rows: int) -> float:
    started = time.perf_counter()
    with torch.no_grad():
        score.recounted().of_rows(*score.encoding.batch(rows))
    return time.perf_counter() - started
