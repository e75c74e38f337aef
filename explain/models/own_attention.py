"""Attention that does not pass through transformers' interface, seen in a model's own operations.

Such a model multiplies a softmax over keys by values: both operations are caught as they are called inside of an attention module, so
that a probe sees the weights, may change values, and sees what each head gives. Queries and keys are not told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from explain.errors import UnsupportedError
from explain.models import architectures
from explain.models.architectures import AttentionSite
from explain.models.probes import AttentionProbe, probed_attention, watcher, watching

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SOFTMAX = (functional.softmax, torch.softmax, Tensor.softmax)
PRODUCTS = (torch.matmul, Tensor.matmul, torch.bmm, Tensor.bmm)

MODULE: ContextVar[tuple[nn.Module, frozenset[int]] | None] = ContextVar("attention module", default=None)
"""The attention module that is running, and what number of states it can have been given; nothing where any will do."""
_WATCHED: ContextVar[bool] = ContextVar("own attention watched", default=False)


@dataclass(frozen=True)
class Attending:
    """Weights on their way from the softmax to the values: whose they are, and how many heads lie in their first axes."""

    probe: AttentionProbe
    site: AttentionSite
    heads: int


class OwnAttention(TorchFunctionMode):
    """Shows the watcher of the attention calls what happens between a softmax and the values."""

    def __init__(self, heads: Mapping[int, int]) -> None:
        super().__init__()
        self._heads = heads

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named, running = kwargs or {}, MODULE.get()
        if running is None:
            return function(*args, **named)
        module, given = running
        if function in SOFTMAX:
            return self._softmax(module, given, function(*args, **named))
        if function is functional.scaled_dot_product_attention:
            return _whole(module, *args, **named)
        weights = next((one for one in args if isinstance(one, Tensor) and hasattr(one, "attending")), None)
        if weights is not None and weights is args[0] and function in PRODUCTS:
            return _product(weights.attending, function, *args)
        output = function(*args, **named)
        if weights is not None and isinstance(output, Tensor) and output.numel() == weights.numel():
            output.attending = weights.attending  # type: ignore[attr-defined]
        return output

    def _softmax(self, module: nn.Module, given: frozenset[int], weights: Tensor) -> Tensor:
        active = watcher()
        if active is None or weights.dim() not in (3, 4):
            return weights
        seen = active.seen(module, weights.shape[-2], weights.shape[-1], {})
        if seen is None:
            return weights
        if given and not given >= set(weights.shape[-2:]):
            raise UnsupportedError(
                f"{type(module).__name__} attends from {weights.shape[-2]} to {weights.shape[-1]} states of its own making in a text of "
                "this length, instead of to tokens. Methods that look from outside work."
            )
        heads = weights.shape[1] if weights.dim() == 4 else self._heads.get(id(module), weights.shape[0])
        probe, site = seen
        shown = probe.weights(site, weights if weights.dim() == 4 else weights.unflatten(0, (-1, heads)))  # [B, heads, q, k]
        result = shown.reshape(weights.shape)
        result.attending = Attending(probe, site, heads)  # type: ignore[attr-defined]
        return result


def _product(attending: Attending, function: Callable[..., Tensor], weights: Tensor, value: Tensor) -> Tensor:
    """What the heads give, through the probe."""
    probe, site, heads = attending.probe, attending.site, attending.heads
    apart = value if value.dim() == 4 else value.unflatten(0, (-1, heads))  # [B, heads, k, d]
    changed = probe.inputs(site, apart, apart, apart)[2].reshape(value.shape)
    output = function(weights, changed)
    each = output if output.dim() == 4 else output.unflatten(0, (-1, heads))
    return probe.output(site, each.transpose(1, 2)).transpose(1, 2).reshape(output.shape)


def _whole(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, *rest: Any, **named: Any) -> Tensor:
    """The attention of torch, written out for the probe."""
    mask = named.pop("attn_mask", mask)
    options = {**dict(zip(("dropout_p", "is_causal", "scale"), rest, strict=False)), **named}
    active = watcher()
    seen = None if active is None else active.seen(module, query.shape[-2], key.shape[-2], {})
    if seen is None:
        return functional.scaled_dot_product_attention(query, key, value, mask, **options)
    output, _ = probed_attention(
        *seen, module, query, key, value, mask, scaling=options.get("scale"), is_causal=bool(options.get("is_causal", False))
    )
    return output.transpose(1, 2)


@contextlib.contextmanager
def watched(heads: Mapping[int, int]) -> Iterator[None]:
    """Within, the attention that a model computes by itself is shown to the watcher; once, however often this is entered."""
    if _WATCHED.get():
        yield
        return
    token = _WATCHED.set(True)
    try:
        with OwnAttention(heads):
            yield
    finally:
        _WATCHED.reset(token)


def enter(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
    """A hook before an attention module."""
    states = (one for one in (*args, *named.values()) if isinstance(one, Tensor) and one.dim() > 1)
    MODULE.set((module, frozenset(length for state in states for length in state.shape[1:])))


def leave(module: nn.Module, *_: Any) -> None:
    """A hook after it."""
    MODULE.set(None)


@dataclass
class Found(AttentionProbe):
    """The watcher that finds attention modules in a short pass: what attends, and whether all of it can be seen.

    Attributes:
        calls: (module, queries, keys) of every softmax, in order.
        heads: Of every module, by id.
        sites: Of every module, by id.
        given: How often the product with the values was seen.
        plain: The modules that return states or a tuple that begins with them, by id.
        stack: The modules that are running, and what they were given.
    """

    calls: list[tuple[nn.Module, int, int]] = field(default_factory=list)
    heads: dict[int, int] = field(default_factory=dict)
    sites: dict[int, tuple[AttentionSite, ...]] = field(default_factory=dict)
    given: int = 0
    plain: set[int] = field(default_factory=set)
    stack: list[tuple[nn.Module, frozenset[int]]] = field(default_factory=list)

    def seen(self, module: nn.Module, queries: int, keys: int, options: Any) -> tuple[AttentionProbe, AttentionSite]:
        self.calls.append((module, queries, keys))
        return self, AttentionSite("self", len(self.calls))

    def weights(self, site: AttentionSite, weights: Tensor) -> Tensor:
        self.heads[id(self.calls[-1][0])] = weights.shape[1]
        return weights

    def output(self, site: AttentionSite, output: Tensor) -> Tensor:
        self.given += output.shape[1] == self.calls[-1][1]
        return output

    def enter(self, module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.stack.append((module, frozenset()))
        MODULE.set(self._own())

    def leave(self, module: nn.Module, _: Any, output: Any) -> None:
        self.stack.pop()
        MODULE.set(self._own())
        if isinstance(output, Tensor | tuple):
            self.plain.add(id(module))

    def _own(self) -> tuple[nn.Module, frozenset[int]] | None:
        """The innermost module that is not one of torch's."""
        return next((pair for pair in reversed(self.stack) if not type(pair[0]).__module__.startswith("torch.")), None)


def find(model: PreTrainedModel) -> Found:
    """The attention of a model's own, in a short pass; nothing of it unless every softmax over tokens was seen to meet its values."""
    found, inputs, base = Found(), architectures.short_inputs(model), architectures.base_of(model)
    with contextlib.ExitStack() as hooks, torch.no_grad():
        plain = base(**inputs)
        for module in model.modules():
            hooks.callback(module.register_forward_pre_hook(found.enter, with_kwargs=True).remove)
            hooks.callback(module.register_forward_hook(found.leave, always_call=True).remove)
        with watching(found), watched({}):
            seen = base(**inputs)
    MODULE.set(None)
    lengths = {given.shape[1] for given in inputs.values()}
    whole = found.given == len(found.calls) and all(lengths >= {queries, keys} for _, queries, keys in found.calls)
    sites = architectures.sites_of(model, found.calls) if whole and architectures.alike(plain, seen) else {}
    return Found() if not sites else replace(found, sites=sites)
