"""Modules of a model that LRP has a rule for as a whole: activations and experts; and weights that only shift attention scores."""

from __future__ import annotations

import functools
from inspect import signature
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@functools.cache
def activation_kinds() -> tuple[type[nn.Module], ...]:
    """The modules that apply a non-linearity element by element."""
    from transformers.activations import ACT2CLS

    named = {kind[0] if isinstance(kind, tuple) else kind for kind in ACT2CLS.values()}
    return tuple(named | {nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh})


def activations(model: PreTrainedModel) -> tuple[nn.Module, ...]:
    """The activation modules: some are written as several operations, which are one function here."""
    return tuple(module for module in model.modules() if isinstance(module, activation_kinds()) or _elementwise(module))


def _elementwise(module: nn.Module) -> bool:
    """Whether a module of a model's own does nothing but apply a function to every number alone, found by trying it."""
    own = type(module).__module__.startswith("transformers.models.")
    if (
        not own
        or any(True for _ in (*module.children(), *module.parameters(), *module.buffers()))
        or len(signature(module.forward).parameters) != 1
    ):
        return False
    tried, other = torch.tensor([[0.5, -1.0, 2.0]]), torch.tensor([[0.5, -1.0, 3.0]])
    try:
        with torch.no_grad():
            first, second = module(tried), module(other)
    except Exception:  # it wants other arguments
        return False
    return isinstance(first, Tensor) and first.shape == tried.shape and torch.equal(first[:, :2], second[:, :2])


def holds_experts(module: nn.Module) -> bool:
    """Whether it holds the weights of several experts as one tensor."""
    weights = getattr(module, "down_proj", None)
    return isinstance(weights, nn.Parameter) and weights.dim() == 3  # [experts, ...]


def relative_bias(model: PreTrainedModel) -> frozenset[int]:
    """Ids of weights that add to attention scores by distance."""
    return frozenset(id(weight) for name, weight in model.named_parameters() if "relative_attention_bias" in name)
