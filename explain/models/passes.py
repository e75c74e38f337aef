"""Passes that start in the middle of a model: what is known of the layers below is not computed again.

One row is recorded (`Recording`); later passes of many rows resume after any layer (`Resumed`): layers up to there return what was
recorded. Both act through a `ContextVar`, on a `LayerGate` that stands in front of every layer's own `forward`.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from explain.models.checkpointing import CHECKPOINTING, Checkpointing

Layer = tuple[str, int]


class Pass(Protocol):
    """What may be done instead of calling a layer."""

    def run(self, layer: Layer, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the layer returns."""


PASS: ContextVar[Pass | None] = ContextVar("pass", default=None)


class LayerGate:
    """A layer's `forward`, of that one layer alone; it may be left out while a pass is active. Copies and pickles with its layer."""

    def __init__(self, group: str, layer: int, block: nn.Module) -> None:
        self._layer = group, layer
        self._block = block
        self._forward = block.forward
        self._own = "forward" in vars(block)
        self.__signature__ = inspect.signature(block.forward)
        block.forward = self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        active, again = PASS.get(), CHECKPOINTING.get()
        forward = self._forward if again is None else partial(self._again, again)
        return forward(*args, **kwargs) if active is None else active.run(self._layer, forward, args, kwargs)

    def _again(self, again: Checkpointing, *args: Any, **kwargs: Any) -> Any:
        return again.run(self._forward, args, kwargs)

    def remove(self) -> None:
        """Leave the layer as it was."""
        if self._own:
            self._block.forward = self._forward
        else:
            vars(self._block).pop("forward", None)


@dataclass
class Recording:
    """What entered and left every layer: layer -> one entry per call (a task may run its decoder several times).

    Attributes:
        inputs: Hidden states [B, n, d].
        outputs: All that the layer returned.
        detached: Keep both without their graph.
    """

    inputs: dict[Layer, list[Tensor]] = field(default_factory=dict)
    outputs: dict[Layer, list[Any]] = field(default_factory=dict)
    detached: bool = False

    def run(self, layer: Layer, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = forward(*args, **kwargs)
        kept = (args[0] if args else kwargs["hidden_states"], output)
        entered, left = each_tensor(kept, Tensor.detach) if self.detached else kept
        self.inputs.setdefault(layer, []).append(entered)
        self.outputs.setdefault(layer, []).append(left)
        return output

    def each(self, group: str, call: int = 0) -> list[Tensor]:
        """Hidden states [1, n, d] of a stack: before its first layer, then after each."""
        depth = sum(name == group for name, _ in self.inputs)
        return [self.inputs[group, 0][call], *(hidden_of(self.outputs[group, layer][call]) for layer in range(depth))]

    def states(self, group: str, call: int = 0) -> Tensor:
        """The same as rows [L + 1, n, d]."""
        return torch.cat(self.each(group, call))


class Resumed:
    """One pass of `rows` rows that begins after a layer.

    Args:
        blocks: The layers of each stack, in the order in which the stacks run.
        recording: A pass of the same text.
        group: The stack in which the pass begins; earlier stacks return what was recorded.
        layer: The last layer that is not computed; -1 for none of this stack.
        rows: Rows of the batch.
        state: The hidden state [rows or 1, n, d] after that layer, by call; what was recorded if left out.
    """

    def __init__(
        self,
        blocks: Mapping[str, tuple[nn.Module, ...]],
        recording: Recording,
        group: str,
        layer: int,
        rows: int,
        state: Callable[[int], Tensor] | None = None,
    ) -> None:
        groups = list(blocks)
        earlier = groups[: groups.index(group)]
        self._last = {name: len(blocks[name]) - 1 for name in earlier} | {group: layer}
        self._first = group
        self._recording = recording
        self._rows = rows
        self._state = state
        self._calls: Counter[Layer] = Counter()

    def run(self, layer: Layer, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        group, depth = layer
        last = self._last.get(group, -1)
        if depth > last:
            return forward(*args, **kwargs)
        call = self._calls[layer]
        self._calls[layer] += 1
        known = self._recording.outputs[layer][call]
        if depth < last:
            return known
        if self._state is not None and group == self._first:
            known = with_hidden(known, self._state(call))
        return each_tensor(known, self._as_rows)

    def _as_rows(self, value: Tensor) -> Tensor:
        return value.expand(self._rows, *value.shape[1:]) if value.dim() > 1 and value.shape[0] == 1 else value


def hidden_of(output: Any) -> Tensor:
    """The hidden state of what a layer returned."""
    hidden: Tensor = output[0] if isinstance(output, tuple) else output
    return hidden


def with_hidden(output: Any, hidden: Tensor) -> Any:
    """The same with another hidden state."""
    return (hidden, *output[1:]) if isinstance(output, tuple) else hidden


def each_tensor(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Nested tuples with every tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    return tuple(each_tensor(item, change) for item in value) if type(value) is tuple else value
