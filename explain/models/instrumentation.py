"""The seams into a running model: attention, input embeddings, and the last hidden state that the head reads.

A model is instrumented once. It then computes exactly what it did before until one of the contexts below is entered, and what is
entered lives in a `ContextVar`: two threads can use one model at the same time and never disturb each other. `release` takes
the instruments off again.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from explain.errors import UnsupportedError
from explain.models import architectures, passes
from explain.models.architectures import Architecture, AttentionSite
from explain.models.quiet import quiet

PREFIX = "explain_"


class AttentionProbe:
    """What may be done to the attention calls of a forward pass; the default does nothing.

    Shapes: query [B, heads, q, d]; key, value [B, heads, k, d]; scores (of query and key alone) and weights [B, heads, q, k];
    output [B, q, heads, d].
    """

    def inputs(self, site: AttentionSite, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return query, key, value

    def scores(self, site: AttentionSite, scores: Tensor) -> Tensor:
        return scores

    def weights(self, site: AttentionSite, weights: Tensor) -> Tensor:
        return weights

    def output(self, site: AttentionSite, output: Tensor) -> Tensor:
        return output


@dataclass
class AttentionRecorder(AttentionProbe):
    """Keeps the attention probabilities of every call; `[site]` -> [B, heads, q, k]. The first call of a site counts."""

    recorded: dict[AttentionSite, Tensor] = field(default_factory=dict)

    def weights(self, site: AttentionSite, weights: Tensor) -> Tensor:
        self.recorded.setdefault(site, weights)
        return weights


class _Chain(AttentionProbe):
    """Two probes, one after the other."""

    def __init__(self, first: AttentionProbe, second: AttentionProbe) -> None:
        self._first = first
        self._second = second

    def inputs(self, site: AttentionSite, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self._second.inputs(site, *self._first.inputs(site, query, key, value))

    def scores(self, site: AttentionSite, scores: Tensor) -> Tensor:
        return self._second.scores(site, self._first.scores(site, scores))

    def weights(self, site: AttentionSite, weights: Tensor) -> Tensor:
        return self._second.weights(site, self._first.weights(site, weights))

    def output(self, site: AttentionSite, output: Tensor) -> Tensor:
        return self._second.output(site, self._first.output(site, output))


@dataclass(frozen=True)
class _ActiveProbe:
    probe: AttentionProbe
    sites: Mapping[int, tuple[AttentionSite, ...]]
    calls: Counter[int] = field(default_factory=Counter)


_PROBE: ContextVar[_ActiveProbe | None] = ContextVar("attention probe", default=None)
_DISCOVERY: ContextVar[list[tuple[nn.Module, int, int]] | None] = ContextVar("attention discovery", default=None)
_EMBEDDINGS: ContextVar[Mapping[int, Callable[[Tensor], Tensor]]] = ContextVar("embeddings", default={})  # noqa: B039
_ACTIVATION: ContextVar[Callable[[Tensor, Tensor], Tensor] | None] = ContextVar("activation", default=None)
_GATED: ContextVar[Callable[[Tensor], Tensor] | None] = ContextVar("gated product", default=None)
_BLOCKS: ContextVar[Callable[[str, int, Tensor], Tensor] | None] = ContextVar("blocks", default=None)
_TRUNK: ContextVar[tuple[int, Callable[[Tensor], Tensor]] | None] = ContextVar("trunk", default=None)


def _plain_attention(implementation: str, module: nn.Module) -> Callable[..., tuple[Tensor, Tensor | None]]:
    eager = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    function: Callable[..., tuple[Tensor, Tensor | None]] = ALL_ATTENTION_FUNCTIONS.get_interface(implementation, eager)
    return function


def _attention(implementation: str) -> Callable[..., tuple[Tensor, Tensor | None]]:
    def attention(
        module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
    ) -> tuple[Tensor, Tensor | None]:
        discovery = _DISCOVERY.get()
        if discovery is not None:
            discovery.append((module, query.shape[2], key.shape[2]))
        active = _PROBE.get()
        sites = active.sites.get(id(module)) if active else None
        if active is None or sites is None:
            return _plain_attention(implementation, module)(module, query, key, value, attention_mask, **options)
        site = sites[active.calls[id(module)] % len(sites)]
        active.calls[id(module)] += 1
        return _probed_attention(active.probe, site, module, query, key, value, attention_mask, **options)

    return attention


def _probed_attention(
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
    **_: Any,
) -> tuple[Tensor, Tensor]:
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
    weights = probe.weights(site, scores.softmax(-1))
    output = probe.output(site, (weights @ value).transpose(1, 2))  # [B, q, heads, d]
    return output.contiguous(), weights


def _replace_embedding(*, time_first: bool) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    """Some models embed texts as [n, B, d]; everybody here speaks of [B, n, d]."""

    def hook(module: nn.Module, _: Any, output: Tensor) -> Tensor:
        replace = _EMBEDDINGS.get().get(id(module))
        if replace is None:
            return output
        return replace(output.transpose(0, 1)).transpose(0, 1) if time_first else replace(output)

    return hook


def _replace_activation(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
    replace = _ACTIVATION.get()
    return output if replace is None else replace(given[0], output)


def _replace_gated(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    replace = _GATED.get()
    return None if replace is None else (replace(given[0]), *given[1:])


def _replace_block_output(group: str, layer: int) -> Callable[[nn.Module, Any, Any], Any]:
    def hook(module: nn.Module, _: Any, output: Any) -> Any:
        replace = _BLOCKS.get()
        if replace is None:
            return output
        if isinstance(output, tuple):
            return (replace(group, layer, output[0]), *output[1:])
        return replace(group, layer, output)

    return hook


def _replace_trunk_output(module: nn.Module, _: Any, output: Any) -> Any:
    active = _TRUNK.get()
    if active is None or active[0] != id(module):
        return output
    hidden = active[1](output[0])
    if isinstance(output, tuple):
        return (hidden, *output[1:])
    output["last_hidden_state"] = hidden
    return output


class Instruments:
    """The instruments on one model, and the contexts that make them act."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.users = 0
        self._model = weakref.ref(model)
        self._training = [module for module in model.modules() if module.training]
        model.eval()
        self._implementation: str = model.config._attn_implementation
        self.architecture: Architecture = architectures.describe(model, self._attach_attention(model))
        embeddings = [self.architecture.embedding, self.architecture.decoder_embedding]
        self._hooks = [e.register_forward_hook(_replace_embedding(time_first=self._time_first)) for e in embeddings if e is not None]
        self._hooks.append(self.architecture.trunk.register_forward_hook(_replace_trunk_output))
        self._hooks += [module.register_forward_hook(_replace_activation) for module in self.architecture.activations]
        self._gates: list[passes.LayerGate] = []
        for group, blocks in self.architecture.blocks.items():
            for layer, block in enumerate(blocks):
                self._gates.append(passes.LayerGate(group, layer, block))
                self._hooks.append(block.register_forward_hook(_replace_block_output(group, layer)))
        self._hooks += [module.register_forward_pre_hook(_replace_gated) for module in self.architecture.gated]

    def _attach_attention(self, model: PreTrainedModel) -> Mapping[int, tuple[AttentionSite, ...]]:
        name = PREFIX + self._implementation
        AttentionInterface.register(name, _attention(self._implementation))
        AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[self._implementation])
        _set_attention(model, name)
        calls: list[tuple[nn.Module, int, int]] = []
        token = _DISCOVERY.set(calls)
        inputs = architectures.short_inputs(model)
        shapes: list[torch.Size] = []
        looking = model.get_input_embeddings().register_forward_hook(lambda layer, given, output: shapes.append(output.shape))
        try:
            with torch.no_grad():
                model.base_model(**inputs)
        finally:
            looking.remove()
            _DISCOVERY.reset(token)
        self._time_first = any(shape[0] == inputs["input_ids"].shape[1] for shape in shapes)
        if not calls:
            _set_attention(model, self._implementation)
        return architectures.sites_of(model, calls)

    def remove(self) -> None:
        model = self._model()
        for hook in self._hooks:
            hook.remove()
        for gate in self._gates:
            gate.remove()
        if model is None:
            return
        if self.architecture.sites:
            _set_attention(model, self._implementation)
        for module in self._training:
            module.training = True

    def plain_copy(self) -> PreTrainedModel:
        """A copy of the model without instruments; the model is not touched.

        Raises:
            UnsupportedError: Its weights are not in memory.
        """
        model = self._model()
        if model is None or any(parameter.is_meta for parameter in model.parameters()):
            raise UnsupportedError("The model cannot be copied: its weights are not all in memory.")
        copy = deepcopy(model)
        ours = {hook.id for hook in self._hooks}
        for module in copy.modules():
            for hooks in (module._forward_hooks, module._forward_pre_hooks):
                for key in ours & hooks.keys():
                    del hooks[key]
            gate = vars(module).get("forward")
            if isinstance(gate, passes.LayerGate):
                gate.remove()
        if self.architecture.sites:
            _set_attention(copy, self._implementation)
        return copy

    @contextlib.contextmanager
    def attention(self, probe: AttentionProbe) -> Iterator[None]:
        """Within, every attention call of this model passes through `probe`, after the probes of the contexts around this one."""
        outer = _PROBE.get()
        if outer is not None and outer.sites is self.architecture.sites:
            probe = _Chain(outer.probe, probe)
        token = _PROBE.set(_ActiveProbe(probe, self.architecture.sites))
        try:
            yield
        finally:
            _PROBE.reset(token)

    @contextlib.contextmanager
    def embeddings(self, replace: Callable[[Tensor], Tensor], replace_prefix: Callable[[Tensor], Tensor] | None = None) -> Iterator[None]:
        """Within, the output [B, n, d] of the embedding layer (and of the decoder's) is what the functions make of it."""
        active = {id(self.architecture.embedding): replace}
        if replace_prefix is not None:
            active[id(self.architecture.decoder_embedding)] = replace_prefix
        token = _EMBEDDINGS.set(active)
        try:
            yield
        finally:
            _EMBEDDINGS.reset(token)

    @contextlib.contextmanager
    def nonlinearities(self, activation: Callable[[Tensor, Tensor], Tensor], gated: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Within, every activation module returns `activation(input, output)`, and gated products pass through `gated`."""
        tokens = _ACTIVATION.set(activation), _GATED.set(gated)
        try:
            yield
        finally:
            _ACTIVATION.reset(tokens[0])
            _GATED.reset(tokens[1])

    @contextlib.contextmanager
    def blocks(self, replace: Callable[[str, int, Tensor], Tensor]) -> Iterator[None]:
        """Within, the hidden states [B, n, d] after every layer are what `replace(group, layer, hidden)` makes of them."""
        token = _BLOCKS.set(replace)
        try:
            yield
        finally:
            _BLOCKS.reset(token)

    @contextlib.contextmanager
    def layers(self, active: passes.Pass) -> Iterator[None]:
        """Within, every layer of the stacks is called, or left out, by `active`."""
        token = passes.PASS.set(active)
        try:
            yield
        finally:
            passes.PASS.reset(token)

    @contextlib.contextmanager
    def trunk(self, replace: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Within, the head reads what `replace` makes of the trunk's last hidden state [B, n, d]."""
        token = _TRUNK.set((id(self.architecture.trunk), replace))
        try:
            yield
        finally:
            _TRUNK.reset(token)

    def positions(self, positions: Tensor) -> contextlib.AbstractContextManager[None]:
        """Within, the head reads one position [B] of each row only: its output is [B, 1, ...]."""

        def select(hidden: Tensor) -> Tensor:
            rows = torch.arange(hidden.shape[0], device=hidden.device)
            return hidden[rows, positions.to(hidden.device)].unsqueeze(1)  # [B, 1, d]

        return self.trunk(select)


def _set_attention(model: PreTrainedModel, implementation: str) -> None:
    with quiet():
        model.set_attn_implementation(implementation)


_INSTRUMENTED: weakref.WeakKeyDictionary[PreTrainedModel, Instruments] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


def instrument(model: PreTrainedModel) -> Instruments:
    """The model's instruments, attached now if it has none; each call wants one `release`."""
    with _LOCK:
        instruments = _INSTRUMENTED.get(model)
        if instruments is None:
            instruments = _INSTRUMENTED[model] = Instruments(model)
        instruments.users += 1
        return instruments


def release(model: PreTrainedModel) -> None:
    """Take the instruments off when nobody else uses them: the model is then as it was."""
    with _LOCK:
        instruments = _INSTRUMENTED.get(model)
        if instruments is None:
            return
        instruments.users -= 1
        if instruments.users == 0:
            instruments.remove()
            del _INSTRUMENTED[model]
