"""Heads and layers of a model switched off by plain hooks, found by the names of its modules: the slow way to every ablation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor, nn

from explain.models.score import Score

T = TypeVar("T")
OUTPUT_PROJECTIONS = (
    "attention.output.dense",
    "attn.c_proj",
    "SelfAttention.o",
    "EncDecAttention.o",
    "self_attn.out_proj",
    "encoder_attn.out_proj",
)
VALUES = ("self.value", "SelfAttention.v", "EncDecAttention.v", "self_attn.v_proj", "encoder_attn.v_proj", "attn.c_attn")


def projections(model: nn.Module, group: str, ends: tuple[str, ...] = OUTPUT_PROJECTIONS) -> list[nn.Module]:
    """The modules of an attention group that read the joined heads (or give the values), in order of layers."""
    found = [(name, module) for name, module in model.named_modules() if name.endswith(ends)]
    cross = [module for name, module in found if "EncDecAttention" in name or "encoder_attn" in name]
    if group == "cross":
        return cross
    side = {"encoder": "encoder.", "decoder": "decoder."}.get(group)
    return [module for name, module in found if not any(module is c for c in cross) and (side is None or side in name)]


def with_slice(module: nn.Module, heads: int, head: int, value: Callable[[Tensor], Tensor], run: Callable[[], T]) -> T:
    """Run with one head's slice before the output projection replaced."""

    def hook(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        joined = args[0].clone()
        width = joined.shape[-1] // heads
        joined[..., head * width : (head + 1) * width] = value(joined[..., head * width : (head + 1) * width])
        return (joined, *args[1:])

    handle = module.register_forward_pre_hook(hook)
    try:
        return run()
    finally:
        handle.remove()


def without_layers(blocks: list[nn.Module], run: Callable[[], T]) -> T:
    """Run with layers that give what they were given."""

    def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        hidden = args[0] if args else kwargs["hidden_states"]
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    handles = [block.register_forward_hook(hook, with_kwargs=True) for block in blocks]
    try:
        return run()
    finally:
        for handle in handles:
            handle.remove()


def answer(score: Score) -> tuple[float, float, int]:
    """Score, probability and most probable candidate in a pass of its own."""
    found = score.answers()
    return float(found.scores[0]), float(found.probabilities[0]), int(found.candidates[0])
