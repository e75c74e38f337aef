"""Operations that LRP has no rule for are named where relevance is lost, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from zoo import tiny

from explain.methods.lrp import LRP
from explain.methods.lrp_losses import in_words
from explain.methods.lrp_rules import Variant


class Unknown(torch.autograd.Function):
    """A function that nothing is known of."""

    @staticmethod
    def forward(context: Any, given: Tensor) -> Tensor:
        context.given = given
        return given**3

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        slope: Tensor = gradients[0] * 3 * context.given**2
        return slope


@pytest.mark.parametrize(
    ("function", "name"),
    [(lambda x: torch.cumprod(x, -1), "cumprod (Strange)"), (torch.sinh, None), (Unknown.apply, "Unknown")],
)
def test_operations_without_a_rule_are_named(function: Callable[[Tensor], Tensor], name: str | None) -> None:
    class Strange(torch.nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            return given + function(given)

    made = tiny("bert-class")
    made.model.bert.encoder.layer[1].output.dropout = Strange()
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        found = LRP().attribute(score)
        assert found.gap is not None
        assert found.tolerance is not None
        assert found.gap > found.tolerance
        assert found.caution == f"{LRP.caution} {in_words(score, Variant.ATTN_LRP, 1e-3)}"
        assert found.caution.endswith(f"LRP has no rule for {name or 'sinh (Strange)'}.")
