"""The seams into a running model: attention, input embeddings, layers, non-linearities, and the last state that the head reads.

A model is instrumented once. It then computes exactly what it did before until one of the contexts below is entered, and what is
entered lives in a `ContextVar`: two threads can use one model at the same time and never disturb each other. `release` takes
the instruments off again.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from explain.errors import UnsupportedError
from explain.models import architectures, passes
from explain.models.architectures import Architecture, AttentionSite
from explain.models.probes import AttentionCalls, AttentionProbe, attention_function, probing, watching
from explain.models.quiet import quiet

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PREFIX = "explain_"


@dataclass(frozen=True)
class _Nonlinear:
    """What is made of activations `(input, output)` and of products of an activation and a gate."""

    activation: Callable[[Tensor, Tensor], Tensor]
    gated: Callable[[Tensor], Tensor]


_EMBEDDINGS: ContextVar[Mapping[int, Callable[[Tensor], Tensor]]] = ContextVar("embeddings", default={})  # noqa: B039
_NONLINEAR: ContextVar[_Nonlinear | None] = ContextVar("nonlinear", default=None)
_TRUNK: ContextVar[tuple[int, Callable[[Tensor], Tensor]] | None] = ContextVar("trunk", default=None)


@contextlib.contextmanager
def _active(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def _replace_embedding(*, time_first: bool) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    """Some models embed texts as [n, B, d]; everybody here speaks of [B, n, d]."""

    def hook(module: nn.Module, _: Any, output: Tensor) -> Tensor:
        replace = _EMBEDDINGS.get().get(id(module))
        if replace is None:
            return output
        return replace(output.transpose(0, 1)).transpose(0, 1) if time_first else replace(output)

    return hook


def _replace_activation(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
    active = _NONLINEAR.get()
    return output if active is None else active.activation(given[0], output)


def _replace_gated(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    active = _NONLINEAR.get()
    return None if active is None else (active.gated(given[0]), *given[1:])


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
        self._hooks += [module.register_forward_pre_hook(_replace_gated) for module in self.architecture.gated]
        self._gates = [
            passes.LayerGate(group, layer, block)
            for group, blocks in self.architecture.blocks.items()
            for layer, block in enumerate(blocks)
        ]

    def _attach_attention(self, model: PreTrainedModel) -> Mapping[int, tuple[AttentionSite, ...]]:
        from transformers import AttentionInterface, AttentionMaskInterface
        from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

        name = PREFIX + self._implementation
        AttentionInterface.register(name, attention_function(self._implementation))
        AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[self._implementation])
        _set_attention(model, name)
        found = AttentionCalls()
        inputs = architectures.short_inputs(model)
        shapes: list[torch.Size] = []
        looking = model.get_input_embeddings().register_forward_hook(lambda layer, given, output: shapes.append(output.shape))
        try:
            with torch.no_grad(), watching(found):
                model.base_model(**inputs)
        finally:
            looking.remove()
        self._time_first = any(shape[0] == inputs["input_ids"].shape[1] for shape in shapes)
        if not found.calls:
            _set_attention(model, self._implementation)
        return architectures.sites_of(model, found.calls)

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

    def attention(self, probe: AttentionProbe) -> contextlib.AbstractContextManager[None]:
        """Within, every attention call of this model passes through `probe`, after the probes of the contexts around this one."""
        return probing(probe, self.architecture.sites)

    def embeddings(
        self, replace: Callable[[Tensor], Tensor], replace_prefix: Callable[[Tensor], Tensor] | None = None
    ) -> contextlib.AbstractContextManager[None]:
        """Within, the output [B, n, d] of the embedding layer (and of the decoder's) is what the functions make of it."""
        active = {id(self.architecture.embedding): replace}
        if replace_prefix is not None:
            active[id(self.architecture.decoder_embedding)] = replace_prefix
        return _active(_EMBEDDINGS, active)

    def nonlinearities(
        self, activation: Callable[[Tensor, Tensor], Tensor], gated: Callable[[Tensor], Tensor]
    ) -> contextlib.AbstractContextManager[None]:
        """Within, every activation module returns `activation(input, output)`, and gated products pass through `gated`."""
        return _active(_NONLINEAR, _Nonlinear(activation, gated))

    def layers(self, active: passes.Pass) -> contextlib.AbstractContextManager[None]:
        """Within, every layer of the stacks is called, or left out, by `active`."""
        return _active(passes.PASS, active)

    def trunk(self, replace: Callable[[Tensor], Tensor]) -> contextlib.AbstractContextManager[None]:
        """Within, the head reads what `replace` makes of the trunk's last hidden state [B, n, d]."""
        return _active(_TRUNK, (id(self.architecture.trunk), replace))

    def positions(self, positions: Tensor) -> contextlib.AbstractContextManager[None]:
        """Within, the head reads some positions [B, P] of each row only: its output is [B, P, ...]."""

        def select(hidden: Tensor) -> Tensor:
            rows = torch.arange(hidden.shape[0], device=hidden.device)[:, None]
            return hidden[rows, positions.to(hidden.device)]  # [B, P, d]

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
