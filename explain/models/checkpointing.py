"""Gradients of long texts: of each layer only what enters it is kept; it is computed again when its gradient is asked for.

transformers' own gradient checkpointing acts in training only and knows no seams. This one stands where every layer's `forward` is
(`passes.LayerGate`), computes again under what was active the first time, and leaves the model as it was.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from explain.models.interruption import checkpoint

Compute = Callable[[Sequence[Tensor]], list[Any]]


class Checkpointing:
    """How layers are computed whose graph is not kept: the first time, again, and what is asked of the second time.

    Attributes:
        written_out: Whether the graph of a layer holds its attention weights.
    """

    written_out: bool = False

    def first(self, compute: Compute, given: Sequence[Tensor]) -> list[Any]:
        """All that the layer returns, without a graph."""
        return compute(given)

    def again(self, compute: Compute, given: Sequence[Tensor], context: contextvars.Context) -> list[Any]:
        """The same with a graph, within the context of the first time."""
        return context.run(compute, given)

    def gradients(self, outputs: Sequence[Tensor], gradients: Sequence[Tensor], given: Sequence[Tensor]) -> Sequence[Tensor | None]:
        """Of what entered the layer, from those of what left it."""
        return torch.autograd.grad(outputs, given, gradients, allow_unused=True)

    def run(self, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a layer returns."""
        leaves, spec = tree_flatten((args, kwargs))
        places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor) and leaf.requires_grad]
        if not places or not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        given = [leaves[place] for place in places]
        # A cache would know the keys of the first time when they are computed again.
        kept = [None if place in places or hasattr(leaf, "get_seq_length") else leaf for place, leaf in enumerate(leaves)]
        call = _Call(self, forward, spec, kept, places, [dict(vars(tensor)) for tensor in given])
        return call.whole(_Layer.apply(call, *given))  # type: ignore[no-untyped-call]


@dataclass
class _Call:
    """One call of a layer; what is written on its tensors stays on them."""

    how: Checkpointing
    forward: Callable[..., Any]
    spec: TreeSpec
    kept: list[Any]
    places: list[int]
    marks: list[dict[str, Any]]
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    returned: TreeSpec | None = None
    others: dict[int, Any] = field(default_factory=dict)
    marks_after: list[dict[str, Any]] = field(default_factory=list)

    def compute(self, given: Sequence[Tensor]) -> list[Any]:
        """All that the layer returns, one after the other."""
        leaves = list(self.kept)
        for place, tensor in zip(self.places, given, strict=True):
            leaves[place] = tensor
        args, kwargs = tree_unflatten(leaves, self.spec)
        found, self.returned = tree_flatten(self.forward(*args, **kwargs))
        self.others = {place: one for place, one in enumerate(found) if not isinstance(one, Tensor)}
        return found

    def whole(self, tensors: tuple[Tensor, ...]) -> Any:
        """Tensors with what else the layer returned, as it did."""
        if self.returned is None:
            raise RuntimeError("The layer was not called.")
        for tensor, marks in zip(tensors, self.marks_after, strict=True):
            vars(tensor).update(marks)
        rest = iter(tensors)
        return tree_unflatten(
            [self.others[place] if place in self.others else next(rest) for place in range(self.returned.num_leaves)], self.returned
        )


class _Layer(torch.autograd.Function):
    """A layer between what entered it and what left it."""

    @staticmethod
    def forward(context: Any, call: _Call, *given: Tensor) -> tuple[Tensor, ...]:
        context.set_materialize_grads(False)
        context.call = call
        context.save_for_backward(*given)
        checkpoint()
        with torch.no_grad():
            found = call.how.first(call.compute, given)
        tensors = tuple(one for one in found if isinstance(one, Tensor))
        call.marks_after = [dict(vars(one)) for one in tensors]
        context.mark_non_differentiable(*(one for one in tensors if not one.is_floating_point()))
        return tensors

    @staticmethod
    def backward(context: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        call: _Call = context.call
        checkpoint()
        given = [tensor.detach().requires_grad_() for tensor in context.saved_tensors]
        for tensor, marks in zip(given, call.marks, strict=True):
            vars(tensor).update(marks)
        with torch.enable_grad():
            found = call.how.again(call.compute, given, call.context)
        tensors = (one for one in found if isinstance(one, Tensor))
        pairs = [(o, g) for o, g in zip(tensors, gradients, strict=True) if g is not None and o.requires_grad]
        del found, tensors
        if not pairs:
            return (None,) * (1 + len(given))
        return None, *call.how.gradients([pair[0] for pair in pairs], [pair[1] for pair in pairs], given)


WAY: ContextVar[Checkpointing] = ContextVar("way", default=Checkpointing())  # noqa: B039
CHECKPOINTING: ContextVar[Checkpointing | None] = ContextVar("checkpointing", default=None)


@contextlib.contextmanager
def checkpointing_by(way: Checkpointing) -> Iterator[None]:
    """Within, layers that keep no graph are computed so."""
    token = WAY.set(way)
    try:
        yield
    finally:
        WAY.reset(token)


@contextlib.contextmanager
def checkpointed() -> Iterator[None]:
    """Within, layers keep no graph."""
    token = CHECKPOINTING.set(WAY.get())
    try:
        yield
    finally:
        CHECKPOINTING.reset(token)
