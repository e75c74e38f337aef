"""How far complete scores are from summing to the difference that they share out, and what that is relative to."""

from __future__ import annotations

import numpy as np

from explain.types import Array


def completeness_gap(scores: Array, output: float, baseline_output: float) -> float:
    """|sum(scores) - (output - baseline_output)| relative to `completeness_scale`."""
    difference = output - baseline_output
    gap = abs(float(scores.sum()) - difference)
    return gap / completeness_scale(scores, difference) if gap else 0.0


def completeness_scale(scores: Array, difference: float) -> float:
    """What an error of complete scores is relative to: the difference or, where they cancel, a tenth of their absolute values' sum.

    Of a difference near nothing no relative error can be had: ten scores that are each right to 1e-4 may sum to anything.
    """
    return max(abs(difference), float(np.abs(scores).sum()) / 10)
