"""LRP's rules as changes of the backward pass: under them, gradient x input is the relevance.

| operation | rule | backward |
|---|---|---|
| linear layer, residual, rotation | epsilon, epsilon -> 0 | unchanged |
| LayerNorm, RMSNorm | identity | 1/std is a constant |
| activation f | identity | f(x)/x instead of f'(x) |
| query key product, weights x values | uniform | a half |
| softmax | Taylor | unchanged |
| activation x gate, any product of two that carry relevance | uniform | a half |
| router's weight x expert | the weight is a constant | the expert gets all |

The conservative variant (Ali et al., 2022) takes the attention weights as constants instead: q and k get nothing, v all. What is here
is what a rule does to a gradient; `lrp_operations` applies it where a model calls a function, the instruments where it calls a module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from explain.methods.lrp_ledger import Backward


class Variant(StrEnum):
    """How relevance passes through attention."""

    ATTN_LRP = "attn_lrp"
    CONSERVATIVE = "conservative"


class Ruled(torch.autograd.Function):
    """The output of an operation, whose gradient goes by a rule to what was given or, where the plain one is asked, through it."""

    @staticmethod
    def forward(context: Any, output: Tensor, given: Tensor, rule: Callable[[Tensor], Tensor] | None, backward: Backward) -> Tensor:
        context.rule, context.carried = rule, backward
        return output.detach()  # no view, which a model could not change in place

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (gradient,) = gradients
        if not context.carried.relevance:
            return gradient, None, None, None
        return None, None if context.rule is None else context.rule(gradient), None, None


ALWAYS = Backward()


def ruled(output: Tensor, given: Tensor, rule: Callable[[Tensor], Tensor] | None, backward: Backward = ALWAYS) -> Tensor:
    """The output; its gradient goes to what was given as the rule says, or not at all."""
    result: Tensor = Ruled.apply(output, given, rule, backward)  # type: ignore[no-untyped-call]
    return result


def constant(tensor: Tensor) -> None:
    """Say that a tensor carries no relevance although it has a gradient."""
    tensor.carries_no_relevance = True  # type: ignore[attr-defined]


def carries(given: Any) -> bool:
    """Whether relevance can come to the embeddings from this, or from anything in it."""
    if isinstance(given, Tensor):
        return given.requires_grad and not isinstance(given, nn.Parameter) and not hasattr(given, "carries_no_relevance")
    if isinstance(given, tuple | list):
        return any(map(carries, given))
    return isinstance(given, dict) and any(map(carries, given.values()))


def stopped(tensor: Tensor, backward: Backward = ALWAYS) -> Tensor:
    """The tensor as a constant: no relevance goes through it."""
    result = ruled(tensor, tensor, None, backward)
    constant(result)
    return result


def identity_rule(given: Tensor, output: Tensor, backward: Backward = ALWAYS) -> Tensor:
    """The output, as given x (output / given) with the ratio constant; where the input is 0 nothing flows."""
    ratio = (output.detach() / given.detach()).nan_to_num_(0.0, 0.0, 0.0)
    return ruled(output, given, lambda gradient: gradient * ratio, backward)


def identity_norm(
    given: Tensor, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float, backward: Backward = ALWAYS
) -> Tensor:
    """Layer normalisation whose standard deviation is a constant."""
    axes = tuple(range(-len(shape), 0))
    output, _, scale = torch.native_layer_norm(given, list(shape), weight, bias, eps)
    slope = scale if weight is None else scale * weight.detach()

    def rule(gradient: Tensor) -> Tensor:
        inner = gradient * slope
        return inner - inner.mean(axes, keepdim=True)

    return ruled(output, given, rule, backward)


def identity_rms_norm(
    given: Tensor, shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None, backward: Backward = ALWAYS
) -> Tensor:
    """Root mean square normalisation whose scale is a constant."""
    axes = tuple(range(-len(shape), 0))
    power = given.detach().pow(2).mean(axes, keepdim=True)
    slope = (power + (torch.finfo(given.dtype).eps if eps is None else eps)).rsqrt() * (1.0 if weight is None else weight.detach())
    return ruled(functional.rms_norm(given, list(shape), weight, eps), given, lambda gradient: gradient * slope, backward)
