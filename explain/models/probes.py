"""Attention as it can be seen and changed: what a probe may do in every attention call, and the function that lets it.

transformers sends attention through `AttentionInterface`; `attention_function` is registered there under a name of ours. With no probe
active it is what the model used before. What is active lives in a `ContextVar`, so that threads never disturb each other.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from explain.models.architectures import AttentionSite

SELECTIVE = ("indices", "block_indices")
"""Options that name the keys of each query."""
OPERATION = "sdpa"  # of transformers' attention functions, the one that is one operation of torch
BETWEEN = ("position_bias", "softcap", "s_aux")
"""Options that change the scores of query and key on their way to the weights."""


class AttentionProbe:
    """What may be done to the attention calls of a forward pass; the default does nothing.

    Where `outputs_only` is true nothing but the outputs is looked at: attention then runs as the model's own, which writes no weights.
    Where `as_operation` is true it does so too if that is torch's one operation, of which whoever probes takes care.

    Shapes: query [B, heads, q, d]; key, value [B, heads, k, d]; scores (of query and key alone) and weights [B, heads, q, k];
    output [B, q, heads, d].
    """

    outputs_only: bool = False
    as_operation: bool = False

    def inputs(self, site: AttentionSite, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return query, key, value

    def scores(self, site: AttentionSite, scores: Tensor) -> Tensor:
        return scores

    def weights(self, site: AttentionSite, weights: Tensor) -> Tensor:
        return weights

    def output(self, site: AttentionSite, output: Tensor) -> Tensor:
        return output


@dataclass
class OutputRecorder(AttentionProbe):
    """Keeps the heads' outputs [B, q, heads, d] of the first call of every site, without their graph."""

    outputs: dict[AttentionSite, Tensor] = field(default_factory=dict)
    outputs_only = True

    def output(self, site: AttentionSite, output: Tensor) -> Tensor:
        self.outputs.setdefault(site, output.detach())
        return output


@dataclass
class AttentionRecorder(AttentionProbe):
    """Keeps attention probabilities [B, heads, q, k] and the heads' outputs [B, q, heads, d] of the first call of every site.

    They keep their graph unless they are `detached`.
    """

    recorded: dict[AttentionSite, Tensor] = field(default_factory=dict)
    outputs: dict[AttentionSite, Tensor] = field(default_factory=dict)
    detached: bool = False

    def weights(self, site: AttentionSite, weights: Tensor) -> Tensor:
        self.recorded.setdefault(site, weights.detach() if self.detached else weights)
        return weights

    def output(self, site: AttentionSite, output: Tensor) -> Tensor:
        self.outputs.setdefault(site, output.detach() if self.detached else output)
        return output


class _Chain(AttentionProbe):
    """Two probes, one after the other."""

    def __init__(self, first: AttentionProbe, second: AttentionProbe) -> None:
        self._first = first
        self._second = second
        self.outputs_only = first.outputs_only and second.outputs_only  # one that takes care of an operation stands alone

    def inputs(self, site: AttentionSite, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self._second.inputs(site, *self._first.inputs(site, query, key, value))

    def scores(self, site: AttentionSite, scores: Tensor) -> Tensor:
        return self._second.scores(site, self._first.scores(site, scores))

    def weights(self, site: AttentionSite, weights: Tensor) -> Tensor:
        return self._second.weights(site, self._first.weights(site, weights))

    def output(self, site: AttentionSite, output: Tensor) -> Tensor:
        return self._second.output(site, self._first.output(site, output))


class _Watcher(Protocol):
    """Who sees the attention calls of a pass."""

    def seen(self, module: nn.Module, queries: int, keys: int, options: Mapping[str, Any]) -> tuple[AttentionProbe, AttentionSite] | None:
        """The probe and the site of a call with these further options; `None` to leave it alone."""


class AttentionCalls:
    """Notes every attention call of a pass as (module, query length, key length), and leaves it alone.

    `selective`: a call is told which keys to look at, which the probed attention cannot do; `plain`: all are of query, key and value alone.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[nn.Module, int, int]] = []
        self.selective = False
        self.plain = True

    def seen(self, module: nn.Module, queries: int, keys: int, options: Mapping[str, Any]) -> None:
        self.calls.append((module, queries, keys))
        self.selective |= any(option in options for option in SELECTIVE)
        self.plain &= _plain(options)


@dataclass(frozen=True)
class _Probing:
    """A probe at the known sites of one model."""

    probe: AttentionProbe
    sites: Mapping[int, tuple[AttentionSite, ...]]
    calls: Counter[int] = field(default_factory=Counter)

    def seen(self, module: nn.Module, queries: int, keys: int, options: Mapping[str, Any]) -> tuple[AttentionProbe, AttentionSite] | None:
        sites = self.sites.get(id(module))
        if sites is None:
            return None
        site = sites[self.calls[id(module)] % len(sites)]
        self.calls[id(module)] += 1
        return self.probe, site


_WATCHER: ContextVar[_Watcher | None] = ContextVar("attention watcher", default=None)


@contextlib.contextmanager
def watching(watcher: _Watcher) -> Iterator[None]:
    """Within, every attention call is shown to the watcher."""
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def probing(probe: AttentionProbe, sites: Mapping[int, tuple[AttentionSite, ...]]) -> contextlib.AbstractContextManager[None]:
    """Within, the calls at these sites pass through `probe`, after the probes of the contexts around this one."""
    outer = _WATCHER.get()
    if isinstance(outer, _Probing) and outer.sites is sites:
        probe = _Chain(outer.probe, probe)
    return watching(_Probing(probe, sites))


def attention_function(implementation: str) -> Callable[..., tuple[Tensor, Tensor | None]]:
    """An attention function that is the model's own until a probe is active."""

    def attention(
        module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
    ) -> tuple[Tensor, Tensor | None]:
        watcher = _WATCHER.get()
        seen = None if watcher is None else watcher.seen(module, query.shape[2], key.shape[2], options)
        if seen is None:
            return _plain_attention(implementation, module)(module, query, key, value, attention_mask, **options)
        probe, site = seen
        if probe.outputs_only or (probe.as_operation and implementation == OPERATION and _plain(options)):
            output, weights = _plain_attention(implementation, module)(module, query, key, value, attention_mask, **options)
            return probe.output(site, output).contiguous(), weights
        return probed_attention(probe, site, module, query, key, value, attention_mask, **options)

    return attention


def _plain(options: Mapping[str, Any]) -> bool:
    """Whether nothing happens between scores and weights but what a mask does."""
    return all(options.get(name) is None for name in BETWEEN)


def _plain_attention(implementation: str, module: nn.Module) -> Callable[..., tuple[Tensor, Tensor | None]]:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    eager = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    function: Callable[..., tuple[Tensor, Tensor | None]] = ALL_ATTENTION_FUNCTIONS.get_interface(implementation, eager)
    return function


def watcher() -> _Watcher | None:
    """Who sees the attention calls now."""
    return _WATCHER.get()


def probed_attention(
    probe: AttentionProbe,
    site: AttentionSite,
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    position_bias: Tensor | None = None,
    is_causal: bool | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Attention written out for a probe: output [B, q, heads, d] and weights [B, heads, q, k]."""
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key = key.repeat_interleave(repeats, dim=1)
        value = value.repeat_interleave(repeats, dim=1)
    query, key, value = probe.inputs(site, query, key, value)
    scores = query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if scaling is None else scaling)  # [B, heads, q, k]
    scores = probe.scores(site, scores)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if position_bias is not None:
        scores = scores + position_bias[..., : key.shape[-2]]
    lowest = torch.finfo(scores.dtype).min
    if attention_mask is not None and attention_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attention_mask[..., : key.shape[-2]], lowest)
    elif attention_mask is not None:
        scores = scores + attention_mask[..., : key.shape[-2]]
    elif query.shape[2] > 1 and (getattr(module, "is_causal", True) if is_causal is None else is_causal):
        causal = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~causal, lowest)
    if s_aux is None:
        weights = scores.softmax(-1)
    else:  # one more score per head, of a key that is none
        sinks = s_aux.to(scores).reshape(1, -1, 1, 1).expand(*scores.shape[:-1], 1)
        weights = torch.cat([scores, sinks], dim=-1).softmax(-1)[..., :-1]
    weights = probe.weights(site, weights)
    output = probe.output(site, (weights @ value).transpose(1, 2))  # [B, q, heads, d]
    return output.contiguous(), weights
