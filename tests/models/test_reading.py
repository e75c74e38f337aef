"""Units of logits, and answers put together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from explain.models.reading import Answers, in_unit
from explain.types import Unit


def test_units_are_those_of_softmax_or_of_a_sigmoid_each() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 3.0]], dtype=torch.float64)
    exponents = np.exp(logits.numpy())
    shares = exponents / exponents.sum(-1, keepdims=True)
    each = 1 / (1 + np.exp(-logits.numpy()))
    for independent, expected in ((False, shares), (True, each)):
        assert torch.equal(in_unit(logits, Unit.LOGIT, independent=independent), logits)
        assert in_unit(logits, Unit.PROBABILITY, independent=independent).numpy() == pytest.approx(expected, abs=1e-12)
        assert in_unit(logits, Unit.LOG_PROBABILITY, independent=independent).numpy() == pytest.approx(np.log(expected), abs=1e-12)


def test_answers_are_joined_column_by_column() -> None:
    parts = [
        Answers(np.array([1.0, 2.0]), np.array([0.1, 0.2]), np.array([3, 4])),
        Answers(np.array([5.0]), np.array([0.5]), np.array([6])),
    ]
    whole = Answers.joined(parts, np.concatenate)
    assert whole.scores.tolist() == [1.0, 2.0, 5.0]
    assert whole.probabilities.tolist() == [0.1, 0.2, 0.5]
    assert whole.candidates.tolist() == [3, 4, 6]
