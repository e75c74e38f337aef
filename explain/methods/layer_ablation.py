"""Layer ablation: what the answer loses when a layer hands on what it was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explain.errors import UnsupportedError
from explain.methods.head_ablation import AblationResult, collect, resumed_passes
from explain.methods.method import Method, MethodResult
from explain.methods.shares import attention_shares, shares_to_scores
from explain.models.instrumented import InstrumentedModel
from explain.models.passes import Layer, Resumed, hidden_of, with_hidden
from explain.models.reading import Answers
from explain.models.score import Score
from explain.types import Family

AT_ONCE = 3
"""Layers that are skipped in one batch of a short text: it begins after the lowest, so that more rows run more layers."""


@dataclass(frozen=True)
class LayerAblation(Method):
    """Skips every layer on its own (`layer_effects`).

    `maps` holds the result by stack: `effect_self` (fall of the score), `probability_self` and `flips_self`, [layers]; for
    encoder-decoders `_encoder` and `_decoder`. A token's score, in units of the explained score, is the sum over layers of the layer's
    effect times the attention to the token in it, averaged over heads and read as in `HeadAblation`; a decoder layer's effect is
    shared in halves between its self-attention and its cross-attention.

    Raises:
        UnsupportedError: The model hides its attention or shares one layer among all depths.
    """

    name = "layer_ablation"
    title = "Layer ablation"
    summary = "How much the score falls when a layer is skipped, shared among the tokens that the layer looks at."
    caution = "A skipped layer takes its feed-forward part along, which the shares by attention do not see."
    reference = "Veit et al. 2016, arXiv:1605.06431; Zhang et al. 2022, arXiv:1902.01996"
    family = Family.INTERNAL
    signed = True
    needs_attention = True
    reads_trace = True

    def check(self, model: InstrumentedModel) -> None:
        super().check(model)
        require_blocks(model, self.title)

    def expected_passes(self, score: Score) -> int:
        return 1 + round(resumed_passes({group: count for group, count in score.model.attention_groups.items() if group != "cross"}))

    def compute(self, score: Score) -> MethodResult:
        result = layer_effects(score)
        positions = score.read_positions()
        per_token = {}
        for group, shares in attention_shares(score.trace, positions).items():
            effect = result.effect["decoder" if group == "cross" else group]
            per_token[group] = effect @ shares.mean(1) / (2 if group in ("decoder", "cross") else 1)
        scores = shares_to_scores(per_token, score.encoding)
        return MethodResult(scores, result.score, positions=positions, maps=result.maps)


def layer_effects(score: Score) -> AblationResult:
    """Every layer of every stack skipped on its own: its output is its input; arrays are [L] by stack.

    Raises:
        UnsupportedError: The model shares one layer among all depths.
    """
    require_blocks(score.model, LayerAblation.title)
    trace = score.trace
    found = {}
    for stack, sites in trace.sites.items():
        if stack == "cross":
            continue
        entered = trace.layers.inputs[stack, 0][0]
        step = max(1, min(AT_ONCE, score.rows_per_batch() // 4)) if entered.dim() == 3 else 1  # rows of a long text cost as much together
        parts = []
        for first in range(0, len(sites), step):
            rows = min(step, len(sites) - first)
            with score.model.instruments.layers(Skipping(score, stack, first, rows)):
                parts.append(score.answers(rows))
        found[stack] = Answers.joined(parts, np.concatenate)
    return collect(score, found)


class Skipping(Resumed):
    """A pass of some rows, each without a layer: the first without the layer `first` of a stack, the next without the next."""

    def __init__(self, score: Score, stack: str, first: int, rows: int) -> None:
        recording = score.trace.layers

        def after_first(call: int) -> Tensor:
            entered, left = recording.inputs[stack, first][call], hidden_of(recording.outputs[stack, first][call])
            return torch.cat([entered, left.expand(rows - 1, *left.shape[1:])]) if rows > 1 else entered

        super().__init__(score.model.instruments.architecture.blocks, recording, stack, first, rows, after_first)
        self._rows_by_layer = {(stack, first + row): row for row in range(1, rows)}

    def run(self, layer: Layer, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = super().run(layer, forward, args, kwargs)
        row = self._rows_by_layer.get(layer)
        if row is None:
            return output
        hidden = hidden_of(output).clone()
        hidden[row] = (args[0] if args else kwargs["hidden_states"])[row]
        return with_hidden(output, hidden)


def require_blocks(model: InstrumentedModel, title: str) -> None:
    """Raises UnsupportedError where the layers of the model cannot be told apart."""
    blocks = model.instruments.architecture.blocks
    if not blocks or any(group not in blocks for group in model.attention_groups if group != "cross"):
        raise UnsupportedError(
            f"{title} needs layers of their own, but {type(model.model).__name__} uses one layer at every depth, "
            "or its layers return more than states. Head ablation works."
        )
