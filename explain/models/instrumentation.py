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
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from explain.errors import UnsupportedError
from explain.models import architectures, own_attention, passes, seams
from explain.models.architectures import Architecture, AttentionSite
from explain.models.probes import OPERATION, AttentionCalls, AttentionProbe, attention_function, probing, watching
from explain.models.quiet import quiet

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PREFIX = "explain_"


class Instruments:
    """The instruments on one model, and the contexts that make them act.

    Attributes:
        users: How many use it.
        continues: Whether rows can continue what they begin with, once `continuation.continues` found out.
        attention_is_one: Whether every attention call is one operation of torch, on query, key and value alone.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self.users = 0
        self.continues: bool | None = None
        self._model = weakref.ref(model)
        self._training = [module for module in model.modules() if module.training]
        model.eval()
        self._implementation: str = model.config._attn_implementation
        self._own = own_attention.Found()
        self.attention_is_one = False
        try:
            sites = self._attach_attention(model)
            self.architecture: Architecture = architectures.describe(model, sites, self._own.plain if self.own_attention else None)
        except BaseException:
            self._put_back(model)
            raise
        embeddings = [self.architecture.embedding, self.architecture.decoder_embedding]
        self._hooks = [e.register_forward_hook(seams.replace_embedding(time_first=self._time_first)) for e in embeddings if e is not None]
        for module in (module for module in model.modules() if id(module) in self._own.sites):
            self._hooks.append(module.register_forward_pre_hook(own_attention.enter, with_kwargs=True))
            self._hooks.append(module.register_forward_hook(own_attention.leave))
        self._hooks.append(self.architecture.trunk.register_forward_hook(seams.replace_trunk_output))
        self._hooks += [module.register_forward_hook(seams.replace_activation) for module in self.architecture.activations]
        self._hooks += [
            module.register_forward_pre_hook(seams.replace_expert_inputs, with_kwargs=True) for module in self.architecture.experts
        ]
        self._hooks.append(model.register_forward_pre_hook(seams.continue_prefix, with_kwargs=True))
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
        embedded: list[Any] = []
        looking = model.get_input_embeddings().register_forward_hook(lambda layer, given, output: embedded.append(output))
        try:
            with torch.no_grad(), watching(found):
                plain = architectures.base_of(model)(**inputs)
        finally:
            looking.remove()
        if not all(isinstance(output, Tensor) for output in embedded):
            raise UnsupportedError(
                f"The embedding layer of {type(model).__name__} gives more than embeddings; quantised models are not explained."
            )
        self._time_first = any(output.shape[0] == inputs["input_ids"].shape[1] for output in embedded)
        sites = {} if found.selective else architectures.sites_of(model, found.calls)
        if sites:
            with torch.no_grad(), probing(AttentionProbe(), sites):
                probed = architectures.base_of(model)(**inputs)
            if not architectures.alike(plain, probed):
                sites = {}
        if not sites:
            _set_attention(model, self._implementation)
            self._own = own_attention.find(model)
            return self._own.sites
        self.attention_is_one = found.plain and self._implementation == OPERATION
        return sites

    def remove(self) -> None:
        model = self._model()
        for hook in self._hooks:
            hook.remove()
        for gate in self._gates:
            gate.remove()
        if model is not None:
            self._put_back(model)

    def _put_back(self, model: PreTrainedModel) -> None:
        if model.config._attn_implementation != self._implementation:
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
                    module._forward_pre_hooks_with_kwargs.pop(key, None)
            gate = vars(module).get("forward")
            if isinstance(gate, passes.LayerGate):
                gate.remove()
        if self.architecture.sites:
            _set_attention(copy, self._implementation)
        return copy

    @property
    def own_attention(self) -> bool:
        """Whether the model computes attention by itself, so that a probe is not told queries, keys and scores."""
        return bool(self._own.sites)

    @contextlib.contextmanager
    def attention(self, probe: AttentionProbe) -> Iterator[None]:
        """Within, every attention call of this model passes through `probe`, after the probes of the contexts around this one."""
        with (
            probing(probe, self.architecture.sites),
            own_attention.watched(self._own.heads) if self.own_attention else contextlib.nullcontext(),
        ):
            yield

    def embeddings(
        self, replace: Callable[[Tensor], Tensor], replace_prefix: Callable[[Tensor], Tensor] | None = None
    ) -> contextlib.AbstractContextManager[None]:
        """Within, the output [B, n, d] of the embedding layer (and of the decoder's) is what the functions make of it."""
        active = {id(self.architecture.embedding): replace}
        if replace_prefix is not None:
            active[id(self.architecture.decoder_embedding)] = replace_prefix
        return seams.active(seams.EMBEDDINGS, active)

    def nonlinearities(
        self, activation: Callable[[Tensor, Tensor], Tensor], routed: Callable[[Tensor], Tensor]
    ) -> contextlib.AbstractContextManager[None]:
        """Within, activation modules return `activation(input, output)`, and experts weigh by what `routed` makes of a router's weights."""
        return seams.active(seams.NONLINEAR, seams.Nonlinear(activation, routed))

    def layers(self, active: passes.Pass) -> contextlib.AbstractContextManager[None]:
        """Within, every layer of the stacks is called, or left out, by `active`."""
        return seams.active(passes.PASS, active)

    def trunk(self, replace: Callable[[Tensor], Tensor]) -> contextlib.AbstractContextManager[None]:
        """Within, the head reads what `replace` makes of the trunk's last hidden state [B, n, d]."""
        return seams.active(seams.TRUNK, (id(self.architecture.trunk), replace))

    def continuing(self, prefix: seams.Continued) -> contextlib.AbstractContextManager[None]:
        """Within, the model is given whole rows that begin with what `prefix` knows, and computes the rest only."""
        return seams.active(seams.PREFIX, (id(self._model()), prefix))

    def positions(self, positions: Tensor) -> contextlib.AbstractContextManager[None]:
        """Within, the head reads some positions [B, P] of each row only: its output is [B, P, ...]."""
        continued = seams.PREFIX.get()
        known = continued[1].length if continued is not None and continued[0] == id(self._model()) else 0

        def select(hidden: Tensor) -> Tensor:
            rows = torch.arange(hidden.shape[0], device=hidden.device)[:, None]
            return hidden[rows, positions.to(hidden.device) - known]  # [B, P, d]

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
