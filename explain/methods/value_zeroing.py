"""Value zeroing: how far each token's state moves when another token's value is taken away."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explain.errors import InputError, UnsupportedError
from explain.methods.attention_rollout import MixingSteps, influence_scores, rollout
from explain.methods.layer_ablation import require_blocks
from explain.methods.method import Method, MethodResult
from explain.methods.option import option
from explain.models.architectures import AttentionSite
from explain.models.instrumented import InstrumentedModel
from explain.models.memory import GIBIBYTE, in_gibibytes, passes_written_out
from explain.models.passes import Layer, Resumed, hidden_of
from explain.models.probes import AttentionProbe
from explain.models.score import Score
from explain.models.trace import stack_of
from explain.types import Array, Family

MOST = GIBIBYTE
"""The largest that the distances of a text may be."""
WRITTEN_AT_MOST = 1.0
"""Passes that writing attention out adds to one with a token zeroed, measured on 512 to 2,048 tokens."""


@dataclass(frozen=True)
class ValueZeroing(Method):
    """How much each token's value moves the layer's state of every position (`distances`), rolled out over the layers.

    `maps` holds the matrices of every layer, rows summing to 1: `value_zeroing_self` [layers, queries, keys]; for encoder-decoders
    `_encoder`, `_decoder` and `_cross`. Scores are rows at the explained positions, averaged, of the product of all layers or of the last
    layer alone. Skip connections are part of what is measured and are not added again. A decoder layer's two attentions move the
    same state: their distances are compared with each other, so that a row over prefix and input together sums to 1.

    Raises:
        InputError: The text is so long that its distances would take more than a GiB.
        UnsupportedError: The model hides its attention or shares one layer among all depths.
    """

    name = "value_zeroing"
    title = "Value zeroing"
    summary = "How far the explained position's state moves, layer by layer, when a token's value vector is set to zero."
    caution = "Does not know the target: it says what is mixed into the explained position, not what the answer makes of it."
    reference = "Mohebbi et al. 2023, arXiv:2301.12971"
    family = Family.INTERNAL
    signed = False
    target_blind = True
    needs_attention = True
    reads_trace = True

    rolled_out: bool = option(True, "Multiply the matrices of all layers; else the last layer alone.")

    def check(self, model: InstrumentedModel) -> None:
        super().check(model)
        require_blocks(model, self.title)

    def expected_passes(self, score: Score) -> int:
        tokens = len(score.encoding.tokens)
        return 1 + round(tokens * (1 + min(WRITTEN_AT_MOST, passes_written_out(score.model, tokens))))  # all layers with every token zeroed

    def compute(self, score: Score) -> MethodResult:
        moved = distances(score)
        steps = zeroing_steps(moved)
        joint = rollout(steps.layers) if self.rolled_out else steps.layers[-1]
        positions = score.read_positions()
        scores = influence_scores(joint[[steps.encoder + position for position in positions]], score.encoding, steps.encoder)
        maps = {f"value_zeroing_{group}": rows_to_one(values) for group, values in moved.items()}
        return MethodResult(scores, positions=positions, maps=maps)


def distances(score: Score) -> dict[str, Array]:
    """Cosine distance by which the state of each query after a layer moves when a key's value is zero in it: group -> [L, q, k].

    All keys are rows of a batch that runs this one layer on the recorded state below it.

    Raises:
        InputError: The text is so long that the distances would take more than a GiB.
        UnsupportedError: The model shares one layer among all depths.
    """
    require_blocks(score.model, ValueZeroing.title)
    tokens, layers = len(score.encoding.tokens), sum(score.model.attention_groups.values())
    size = layers * tokens**2 * np.dtype(np.float64).itemsize
    if size > MOST:
        raise InputError(
            f"Value zeroing of {tokens:,} tokens would take {in_gibibytes(size)} for the distances of {layers} layers, and the time of "
            f"{tokens:,} passes. Shorten the text, or use attention rollout or LRP."
        )
    return {group: np.stack([_of_site(score, site) for site in sites]) for group, sites in score.trace.sites.items()}


def zeroing_steps(moved: Mapping[str, Array]) -> MixingSteps:
    """Distances (group -> [L, q, k]) as matrices that can be multiplied; rows sum to 1.

    A decoder layer over n input tokens and m decoder tokens is [[I, 0], [C, S]] with the rows of [C S] normalised together.
    """
    if "cross" not in moved:
        return MixingSteps(rows_to_one(moved["self"] if "self" in moved else moved["encoder"]))
    encoder = rows_to_one(moved["encoder"])
    below, inputs = encoder.shape[:2]
    both = rows_to_one(np.concatenate([moved["cross"], moved["decoder"]], axis=-1))  # [L, m, n + m]
    layers = np.tile(np.eye(both.shape[-1]), (below + len(both), 1, 1))
    layers[:below, :inputs, :inputs] = encoder
    layers[below:, inputs:] = both
    return MixingSteps(layers, inputs, below)


def rows_to_one(values: Array) -> Array:
    """Rows divided by their sums; where nothing moves a state it keeps itself (the last columns are its own stack's)."""
    q, k = values.shape[-2:]
    sums = values.sum(-1, keepdims=True)
    own = np.eye(q, k, k - q) if k >= q else np.full((q, k), 1 / k)
    return np.asarray(np.where(sums > 0, values / np.where(sums > 0, sums, 1), own))


class _ZeroValues(AttentionProbe):
    """In row b the value of token `first + b` is zero at one site."""

    def __init__(self, site: AttentionSite, first: int) -> None:
        self._site = site
        self._first = first

    def inputs(self, site: AttentionSite, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if site != self._site:
            return query, key, value
        rows = torch.arange(value.shape[0], device=value.device)
        kept = torch.ones(value.shape[0], value.shape[2], dtype=torch.bool, device=value.device)
        kept[rows, self._first + rows] = False
        return query, key, value * kept[:, None, :, None]


class _ReachedError(Exception):
    """A pass came to the layer that it was made for."""


class _OneLayer(Resumed):
    """A pass that ends after its first layer."""

    hidden: Tensor

    def run(self, layer: Layer, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = super().run(layer, forward, args, kwargs)
        if layer[0] == self._first and layer[1] > self._last[self._first]:
            self.hidden = hidden_of(output)
            raise _ReachedError
        return output


def _of_site(score: Score, site: AttentionSite) -> Array:
    """Distances [q, k] of one site."""
    trace, instruments, stack = score.trace, score.model.instruments, stack_of(site)
    before = _directions(hidden_of(trace.layers.outputs[stack, site.layer][0]))  # [1, q, d]
    if before.dim() != 3:
        raise UnsupportedError(
            f"{ValueZeroing.title} needs one state per token, but the layers of {type(score.model.model).__name__} pass on several."
        )
    weights = trace.weights[site][0]
    keys = weights.shape[-1]
    step = score.rows_per_batch()
    moved = []
    for start in range(0, keys, step):
        rows = min(step, keys - start)
        one = _OneLayer(instruments.architecture.blocks, trace.layers, stack, site.layer - 1, rows)
        probe = _ZeroValues(site, start)
        with contextlib.suppress(_ReachedError), instruments.layers(one), instruments.attention(probe):
            score.answers(rows)
        moved.append((_directions(one.hidden) - before).square().sum(-1) / 2)  # 1 - cos, [rows, q]
    unseen = (weights == 0).all(0).cpu().numpy()  # [q, k]
    return np.where(unseen, 0.0, torch.cat(moved).T.cpu().numpy())


def _directions(hidden: Tensor) -> Tensor:
    directions: Tensor = torch.nn.functional.normalize(hidden.detach().double(), dim=-1)
    return directions
