"""Relevance of long texts: a layer is computed again under the rules, and what it absorbs is settled with it."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from explain.methods.lrp_ledger import Ledger
from explain.methods.lrp_rules import carries, constant
from explain.models.checkpointing import Checkpointing, Compute

LARGE = 2**24
"""Numbers whose flow is summed in parts."""


class RelevanceOfLayers(Checkpointing):
    """Layers that keep no graph, computed again under LRP's rules.

    Args:
        ledger: Of the pass; what a layer absorbs is settled in it.
        rules: Within, a pass runs under the rules and notes in a ledger.
        written_out: Whether the graph of a layer holds its attention weights.
    """

    def __init__(self, ledger: Ledger, rules: Callable[[Ledger], AbstractContextManager[Any]], *, written_out: bool) -> None:
        self.written_out = written_out
        self._ledger = ledger
        self._rules = rules
        self._own = ledger

    def first(self, compute: Compute, given: Sequence[Tensor]) -> list[Any]:
        """Nothing carries relevance here, so that the rules do nothing; what comes of constants alone is constant afterwards too."""
        alone = [tensor.detach() for tensor in given]
        for tensor, own in zip(given, alone, strict=True):
            own.follows = carries(tensor)  # type: ignore[attr-defined]
        with _Following():
            found = compute(alone)
        for tensor in found:
            if isinstance(tensor, Tensor) and not getattr(tensor, "follows", False):
                constant(tensor)
        return found

    def again(self, compute: Compute, given: Sequence[Tensor], context: contextvars.Context) -> list[Any]:
        """With a ledger of the layer's own, and nothing else active."""
        self._own = Ledger(self._ledger.rows)
        self._own.backward = self._ledger.backward

        def ruled() -> list[Any]:
            with self._rules(self._own):
                return compute(given)

        return contextvars.Context().run(ruled)

    def gradients(self, outputs: Sequence[Tensor], gradients: Sequence[Tensor], given: Sequence[Tensor]) -> Sequence[Tensor | None]:
        own, self._own = self._own, self._ledger
        self._ledger.by_row &= own.by_row
        settled = torch.zeros(self._ledger.rows, 3, dtype=torch.float64, device=outputs[0].device)
        constants: list[Tensor] = []
        if self._ledger.backward.relevance:
            constants = [leaf for leaf in own.constants if leaf.requires_grad]
            before, after = ([pair[side] for pair in own.normalised] for side in (0, 1))
            for part, column, sign in ((own.weights, 1, 1), (own.scores, 1, -1), (after, 2, 1), (before, 2, -1)):
                for tensor in part:
                    if tensor.requires_grad:  # as it comes by, so that no gradient of the size of attention is kept
                        tensor.register_hook(partial(_settle, settled[:, column], sign, tensor.detach()))
        del own
        found = torch.autograd.grad(outputs, [*given, *constants], gradients, allow_unused=True)
        for leaf, gradient in zip(constants, found[len(given) :], strict=True):
            _settle(settled[:, 0], 1, leaf.detach(), gradient)
        self._ledger.settled.append(settled)
        return found[: len(given)]


def _settle(settled: Tensor, sign: int, tensor: Tensor, gradient: Tensor | None) -> None:
    """Add what flows through a tensor [B]."""
    if gradient is not None:
        settled += sign * _flow(tensor, gradient, len(settled))


class _Following(TorchFunctionMode):
    """Tells what is computed from tensors that carry relevance, where no graph does."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        if any(getattr(one, "follows", False) for one in tree_leaves((args, kwargs))):
            for one in tree_leaves(made):
                if isinstance(one, Tensor):
                    one.follows = True  # type: ignore[attr-defined]
        return made


def _flow(leaf: Tensor, gradient: Tensor, rows: int) -> Tensor:
    """The sum of gradient times leaf by row [B]; where a mask is infinite nothing comes through."""
    if leaf.numel() > LARGE and leaf.dim() > 1 and len(leaf) == rows and leaf.shape[1] > 1:
        return sum((_flow(leaf[:, part], gradient[:, part], rows) for part in range(leaf.shape[1])), leaf.new_zeros(rows).double())
    flow = (leaf * gradient).nan_to_num_(0.0, torch.inf, -torch.inf)
    return flow.reshape(rows, -1).sum(1).double()
