"""One plain pass of a text with everything that was recorded in it, for all who read it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from explain.models.architectures import AttentionSite
from explain.models.instrumentation import Instruments
from explain.models.passes import Recording, Resumed
from explain.models.probes import AttentionRecorder
from explain.types import Array


@dataclass(frozen=True)
class Trace:
    """What a model computed for one text.

    Attributes:
        logits: Over the candidates [1, C].
        layers: Hidden states before and after every layer.
        weights: Attention probabilities [1, heads, q, k] by site.
        outputs: Outputs of the heads [1, q, heads, d] by site.
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
        """All attention weights: group -> [layers, heads, queries, keys], in the order in which the groups ran."""
        groups = dict.fromkeys(site.group for site in self.weights)
        sites = self.sites
        return {group: np.stack([self.weights[site][0].double().cpu().numpy() for site in sites[group]]) for group in groups}

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


def record(instruments: Instruments, forward: Callable[[], Tensor]) -> Trace:
    """The trace of a pass of one row that gives logits [1, C]; what is kept holds no graph, the logits may."""
    layers, probe = Recording(detached=True), AttentionRecorder(detached=True)
    with instruments.layers(layers), instruments.attention(probe):
        logits = forward()
    return Trace(logits, layers, probe.recorded, probe.outputs, instruments)


def stack_of(site: AttentionSite) -> str:
    """The stack of layers that a site belongs to."""
    return "decoder" if site.group == "cross" else site.group
