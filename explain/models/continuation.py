"""Passes that continue a prefix: a causal decoder's keys and values of what many rows begin with are computed once.

`Prefix` holds the keys and values of one beginning. While rows continue it (`Instruments.continuing`), a model that is given whole rows
computes what follows the prefix only, and the head reads the positions that it would have read.
"""

from __future__ import annotations

import contextvars
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

from explain.models import architectures
from explain.models.instrumented import InstrumentedModel

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ARGUMENTS = ("cache", "past_key_values")
"""How transformers calls what is known: the new name and the old one."""
TRIED, SHARED = 12, 7
"""Tokens of the text on which it is tried whether a model can continue, and how many of them are known."""
CANNOT = (AssertionError, AttributeError, IndexError, RuntimeError, TypeError, ValueError)
"""What models say to a cache that is none of theirs; their rows are asked whole, and whatever else goes wrong is heard."""
CLOSE = {torch.float64: 1e-9, torch.float32: 1e-4}
"""The largest difference there, relative to the largest number; half precision is not accurate enough to tell."""


class _Known(Cache):  # type: ignore[misc]
    """Keys and values [1, heads, places, d] by layer, which any number of rows continue; what they add is kept while it `grows` only."""

    grows = False

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=DynamicLayer)

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if self.grows:
            grown: tuple[Tensor, Tensor] = super().update(key_states, value_states, layer_idx)
            return grown
        if layer_idx >= len(self.layers):
            return key_states, value_states
        known = self.layers[layer_idx]
        pairs = ((known.keys, key_states), (known.values, value_states))
        keys, values = (torch.cat([old.expand(len(new), *old.shape[1:]), new], dim=-2) for old, new in pairs)
        return keys, values


class Prefix:
    """What rows begin with, as a model knows it; nothing is computed before a pass continues it.

    Args:
        model: A model that `continues`.

    Attributes:
        length: How many places rows continue.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._base = architectures.base_of(model)
        self._argument = _argument(self._base)
        self._known = _Known()
        self._reached = 0
        self._row: Mapping[str, Tensor] = {}
        self.length = 0

    def begin(self, row: Mapping[str, Tensor], *, kept: int, shared: int) -> None:
        """Let rows continue the first places of a row [1, n].

        Args:
            row: The inputs of the row.
            kept: How many of them the rows so far begin with too.
            shared: How many are continued.
        """
        if kept < self._reached:
            self._reached = kept
            for layer in self._known.layers:
                layer.keys, layer.values = layer.keys[..., :kept, :], layer.values[..., :kept, :]
        self._row, self.length = row, shared

    def rest(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a model for what follows the prefix, from those for whole rows."""
        if self._reached < self.length:
            contextvars.Context().run(self._grow)  # nothing that is active for the rows is for what they begin with
        return self._after(inputs)

    def _grow(self) -> None:
        self._known.grows = True
        try:
            with torch.no_grad():
                self._base(**self._after({name: tensor[:, : self.length] for name, tensor in self._row.items()}))
        finally:
            self._known.grows = False
        self._reached = self.length

    def _after(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments for what follows the places that are known."""
        whole = inputs["input_ids"].shape
        after = {
            name: value[:, self._reached :]
            for name, value in inputs.items()
            if isinstance(value, Tensor) and value.shape == whole and name != "attention_mask"
        }
        return {**inputs, **after, self._argument: self._known, "use_cache": True}


def continues(model: InstrumentedModel) -> bool:
    """Whether what a model computes at a place depends on the places before it alone, and it takes these as known.

    It is tried once, on a few tokens, with and without a hidden one. Classifiers are not: their heads look for the place that they read
    in the tokens that they are given, which may be among those that are known.
    """
    instruments = model.instruments
    if instruments.continues is None:
        instruments.continues = _may_continue(model) and _agrees(model)
    return instruments.continues


def _may_continue(model: InstrumentedModel) -> bool:
    plain = model.model
    return (
        not architectures.is_encoder_decoder(plain)
        and plain.can_generate()
        and not plain._is_stateful
        and plain.dtype in CLOSE
        and all(any(architectures.accepts(part, name) for name in ARGUMENTS) for part in (plain, architectures.base_of(plain)))
    )


def _agrees(model: InstrumentedModel) -> bool:
    """Whether the last state of a few tokens is the same, continued and whole."""
    base = architectures.base_of(model.model)
    ids = torch.arange(1, 1 + 7 * TRIED, 7, device=model.device)[None] % len(model.tokenizer)
    hidden = torch.ones_like(ids)
    hidden[0, [1, TRIED - 2]] = 0
    for mask in (torch.ones_like(ids), hidden):
        inputs = {"input_ids": ids, "attention_mask": mask}
        prefix = Prefix(model.model)
        try:
            with torch.no_grad():
                whole = base(**inputs, use_cache=False)[0][:, -1]
                prefix.begin(inputs, kept=0, shared=SHARED)
                found = base(**prefix.rest(inputs))[0][:, -1]
        except torch.OutOfMemoryError:
            raise
        except CANNOT:
            return False
        if float((found - whole).abs().max()) > CLOSE[whole.dtype] * float(whole.abs().max()):
            return False
    return True


def _argument(model: PreTrainedModel) -> str:
    return next(name for name in ARGUMENTS if architectures.accepts(model, name))
