"""Modules of a model that are more than linear maps: activations, gated products, experts, computed positions."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Set

    from transformers import PreTrainedModel


@functools.cache
def activation_kinds() -> tuple[type[nn.Module], ...]:
    """The modules that apply a non-linearity element by element."""
    from transformers.activations import ACT2CLS

    named = {kind[0] if isinstance(kind, tuple) else kind for kind in ACT2CLS.values()}
    return tuple(named | {nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh})


def nonlinear(model: PreTrainedModel, attention: Set[int]) -> tuple[tuple[nn.Module, ...], tuple[nn.Module, ...]]:
    """The activation modules, and the linear layers behind gated products; modules with these ids hold attention.

    A gated block holds an activation and, beside the linear layer that reads the product, either two linear layers as wide as the
    product or one twice as wide.
    """
    kinds = activation_kinds()
    activations = tuple(module for module in model.modules() if isinstance(module, kinds))
    gated = []
    for block in model.modules():
        children = list(block.children())
        linear = [child for child in children if isinstance(child, nn.Linear)]
        if id(block) in attention or not any(isinstance(child, kinds) for child in children):
            continue
        for reader in linear:
            widths = [other.out_features for other in linear if other is not reader]
            if widths.count(reader.in_features) == 2 or widths == [2 * reader.in_features]:
                gated.append(reader)
    return activations, tuple(gated)


def holds_experts(module: nn.Module) -> bool:
    """Whether it holds the weights of several experts as one tensor."""
    weights = getattr(module, "down_proj", None)
    return isinstance(weights, nn.Parameter) and weights.dim() == 3  # [experts, ...]


def computes_positions(module: nn.Module) -> bool:
    """Whether it computes position embeddings instead of looking them up."""
    return type(module).__name__.endswith("PositionalEmbedding") and not any(True for _ in module.parameters())


def relative_bias(model: PreTrainedModel) -> frozenset[int]:
    """Ids of weights that add to attention scores by distance."""
    return frozenset(id(weight) for name, weight in model.named_parameters() if "relative_attention_bias" in name)
