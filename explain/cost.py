"""What explanations will cost: forward passes times the measured speed of this model on this text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from explain.explainer import Analysis
from explain.method import Method

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
    passes = {method.name: sum(method.expected_passes(analysis.model, question) for question in analysis.questions) for method in methods}
    question = analysis.questions[-1]
    encoding = question.encoding
    inputs = {name: tensor.expand(ROWS, -1) for name, tensor in encoding.inputs.items()}
    positions = None if encoding.position is None else torch.full((ROWS,), encoding.position, device=analysis.model.device)
    started = time.perf_counter()
    with torch.no_grad():
        analysis.model.score(question).of_rows(inputs, positions)
    return Cost(passes, (time.perf_counter() - started) / ROWS)
