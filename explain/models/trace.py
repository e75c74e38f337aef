"""One plain pass of a text with everything that was recorded in it, for all who read it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explain.errors import UnsupportedError
from explain.models.architectures import AttentionSite
from explain.models.instrumentation import Instruments
from explain.models.memory import in_gibibytes
from explain.models.passes import PASS, Layer, Pass, Recording, Resumed, each_tensor
from explain.models.probes import AttentionProbe, AttentionRecorder, OutputRecorder
from explain.models.unkept import Unkept, weights_of
from explain.types import Array


@dataclass(frozen=True)
class Trace:
    """What a model computed for one text, or for the B rows of a batch.

    Attributes:
        logits: Over the candidates [B, C].
        layers: Hidden states before and after every layer.
        weights: Attention probabilities [B, heads, q, k] by site; where all together are too large, each is computed when it is read.
        outputs: Outputs of the heads [B, q, heads, d] by site.
    """

    logits: Tensor
    layers: Recording
    weights: Mapping[AttentionSite, Tensor]
    outputs: dict[AttentionSite, Tensor]
    _instruments: Instruments

    @property
    def kept(self) -> bool:
        """Whether the attention weights are at hand."""
        return not isinstance(self.weights, Unkept)

    @property
    def groups(self) -> list[str]:
        """The attention groups in the order in which they ran."""
        return list(dict.fromkeys(site.group for site in self.outputs))

    @property
    def sites(self) -> dict[str, list[AttentionSite]]:
        """The sites that ran, by group and in order of layers."""
        found: dict[str, list[AttentionSite]] = {}
        for site in sorted(self.weights, key=lambda site: site.layer):
            found.setdefault(site.group, []).append(site)
        return found

    def attention(self) -> dict[str, Array]:
        """All attention weights: group -> [layers, heads, queries, keys], in the order in which the groups ran.

        Raises:
            UnsupportedError: The layers of a group have no common shape, or all weights are too large to keep.
        """
        if not self.kept:
            size = sum(output.shape[2] * output.shape[1] ** 2 for output in self.outputs.values()) * np.dtype(np.float64).itemsize
            raise UnsupportedError(
                f"All attention weights of this text would take about {in_gibibytes(size)}. Use a shorter text, or a method that reads "
                "those of the explained position only: attention, attention rollout, head ablation or layer ablation."
            )
        return self.attention_from({group: slice(None) for group in self.groups})

    def attention_from(self, queries: Mapping[str, Sequence[int] | slice]) -> dict[str, Array]:
        """The attention weights from some queries, by group: group -> [layers, heads, queries, keys].

        Raises:
            UnsupportedError: The layers of a group have no common shape.
        """
        self.check_alike()
        found = {}
        for group in self.groups:
            if group in queries:
                chosen = queries[group]
                rows = chosen if isinstance(chosen, slice) else list(chosen)
                found[group] = np.stack([self.weights[site][0][:, rows].double().cpu().numpy() for site in self.sites[group]])
        return found

    def attention_of_mixture(self, group: str, shares: Array) -> Array:
        """The attention weights of a group, its queries weighed by `shares` [q]: [layers, heads, keys]."""
        self.check_alike()
        weights = (self.weights[site][0] for site in self.sites[group])
        return np.stack([(torch.from_numpy(shares).to(own) @ own).double().cpu().numpy() for own in weights])

    def check_alike(self) -> None:
        """Raises UnsupportedError where the layers of a group differ in heads, queries or keys."""
        for group, own in self.sites.items():
            shapes = list(dict.fromkeys(self._shape(site) for site in own))
            if len(shapes) > 1:
                raise UnsupportedError(
                    f"The {group} attention of this model has {shapes[0]} heads, queries and keys in one layer and {shapes[1]} in another, "
                    "so that they cannot be put together. Methods that look from outside work."
                )

    def _shape(self, site: AttentionSite) -> tuple[int, ...]:
        return tuple(self.weights[site].shape[1:]) if self.kept else tuple(self.outputs[site].shape[1:3])

    def resumed(
        self, stack: str, layer: int, rows: int, state: Callable[[int], Tensor] | None = None
    ) -> contextlib.AbstractContextManager[None]:
        """Within, a pass of `rows` rows begins after this layer (-1: before the first); at the bottom where the model shares its layers.

        `state` gives another hidden state [rows or 1, n, d] to begin with, by call.
        """
        blocks = self._instruments.architecture.blocks
        if stack not in blocks:
            return contextlib.nullcontext()
        return self._instruments.layers(Resumed(blocks, self.layers, stack, layer, rows, state))

    def read_positions(self, score: Callable[[], Tensor]) -> list[tuple[int, ...]]:
        """The positions of each row whose state after the last attention call has a gradient.

        Args:
            score: Makes the score [B] in a pass of the recorded rows; where the layers can be told apart only the last one is computed.
        """
        entered = self.layers.inputs
        last = list(entered)[-1] if entered else None
        begun = contextlib.nullcontext() if last is None else self.resumed(last[0], last[1] - 1, len(self.logits))
        probe = _LastOutput()
        with torch.enable_grad(), begun, self._instruments.attention(probe):
            gradient = torch.autograd.grad(score().sum(), probe.outputs[-1])[0]  # [B, n, heads, d]
        found = [tuple(row.nonzero().flatten().tolist()) for row in gradient.flatten(2).abs().sum(-1)]
        return [row or tuple(range(gradient.shape[1])) for row in found]

    def rows(self) -> list[Trace]:
        """The trace of each row by itself."""
        count = len(self.logits)
        return [self] if count == 1 else [self._row(number, count) for number in range(count)]

    def _row(self, number: int, count: int) -> Trace:
        def own(value: Tensor) -> Tensor:
            return value[number : number + 1] if value.dim() and len(value) == count else value

        layers = Recording(
            {layer: [own(state) for state in states] for layer, states in self.layers.inputs.items()},
            {layer: [each_tensor(output, own) for output in outputs] for layer, outputs in self.layers.outputs.items()},
            detached=True,
        )
        outputs = {site: own(value) for site, value in self.outputs.items()}
        weights: Mapping[AttentionSite, Tensor] = Unkept(outputs, lambda site: own(self.weights[site]))
        if self.kept:
            weights = {site: own(value) for site, value in self.weights.items()}
        return Trace(own(self.logits), layers, weights, outputs, self._instruments)


@dataclass(frozen=True)
class _Noted:
    """A pass of somebody else's that is recorded."""

    recording: Recording
    active: Pass

    def run(self, layer: Layer, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.recording.run(layer, lambda *args, **kwargs: self.active.run(layer, forward, args, kwargs), args, kwargs)


class _LastOutput(AttentionProbe):
    """Cuts the graph at every attention call, so that only what follows the last one remains."""

    outputs_only = True

    def __init__(self) -> None:
        self.outputs: list[Tensor] = []

    def output(self, site: AttentionSite, output: Tensor) -> Tensor:
        self.outputs.append(output.detach().requires_grad_())
        return self.outputs[-1]


def record(instruments: Instruments, forward: Callable[[], Tensor], *, weights: bool = True) -> Trace:
    """The trace of a pass that gives logits [B, C], under what is active; what is kept holds no graph, the logits may.

    Without `weights` these are not kept, but computed again, layer by layer, for whoever reads them.
    """
    layers = Recording(detached=True)
    probe = AttentionRecorder(detached=True) if weights else OutputRecorder()
    active = PASS.get()
    with instruments.layers(layers if active is None else _Noted(layers, active)), instruments.attention(probe):
        logits = forward()
    if isinstance(probe, AttentionRecorder):
        return Trace(logits, layers, probe.recorded, probe.outputs, instruments)
    blocks = instruments.architecture.blocks

    def again(site: AttentionSite) -> Tensor:
        stack = stack_of(site)
        begun: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if stack in blocks:
            begun = instruments.layers(Resumed(blocks, layers, stack, site.layer - 1, len(logits)))
        return weights_of(instruments, site, begun, forward)

    return Trace(logits, layers, Unkept(probe.outputs, again), probe.outputs, instruments)


def stack_of(site: AttentionSite) -> str:
    """The stack of layers that a site belongs to."""
    return "decoder" if site.group == "cross" else site.group
