"""One plain pass of a text with everything that was recorded in it, for all who read it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explain.errors import UnsupportedError
from explain.models.architectures import AttentionSite
from explain.models.instrumentation import Instruments
from explain.models.passes import PASS, Layer, Pass, Recording, Resumed, each_tensor
from explain.models.probes import AttentionProbe, AttentionRecorder
from explain.types import Array


@dataclass(frozen=True)
class Trace:
    """What a model computed for one text, or for the B rows of a batch.

    Attributes:
        logits: Over the candidates [B, C].
        layers: Hidden states before and after every layer.
        weights: Attention probabilities [B, heads, q, k] by site.
        outputs: Outputs of the heads [B, q, heads, d] by site.
    """

    logits: Tensor
    layers: Recording
    weights: dict[AttentionSite, Tensor]
    outputs: dict[AttentionSite, Tensor]
    _instruments: Instruments

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
            UnsupportedError: The layers of a group have no common shape.
        """
        self.check_alike()
        groups = dict.fromkeys(site.group for site in self.weights)
        sites = self.sites
        return {group: np.stack([self.weights[site][0].double().cpu().numpy() for site in sites[group]]) for group in groups}

    def check_alike(self) -> None:
        """Raises UnsupportedError where the layers of a group differ in heads, queries or keys."""
        for group, own in self.sites.items():
            shapes = list(dict.fromkeys(tuple(self.weights[site].shape[1:]) for site in own))
            if len(shapes) > 1:
                raise UnsupportedError(
                    f"The {group} attention of this model has {shapes[0]} heads, queries and keys in one layer and {shapes[1]} in another, "
                    "so that they cannot be put together. Methods that look from outside work."
                )

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
        weights, outputs = ({site: own(value) for site, value in kept.items()} for kept in (self.weights, self.outputs))
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

    def __init__(self) -> None:
        self.outputs: list[Tensor] = []

    def output(self, site: AttentionSite, output: Tensor) -> Tensor:
        self.outputs.append(output.detach().requires_grad_())
        return self.outputs[-1]


def record(instruments: Instruments, forward: Callable[[], Tensor]) -> Trace:
    """The trace of a pass that gives logits [B, C], under what is active; what is kept holds no graph, the logits may."""
    layers, probe = Recording(detached=True), AttentionRecorder(detached=True)
    active = PASS.get()
    with instruments.layers(layers if active is None else _Noted(layers, active)), instruments.attention(probe):
        logits = forward()
    return Trace(logits, layers, probe.recorded, probe.outputs, instruments)


def stack_of(site: AttentionSite) -> str:
    """The stack of layers that a site belongs to."""
    return "decoder" if site.group == "cross" else site.group
