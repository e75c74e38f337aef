"""Attention flow: how much could run from each token to the explained position if attention were the width of pipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explain.errors import InputError
from explain.methods.attention_rollout import HeadFusion, influence_scores, mixing_steps
from explain.methods.method import Method, MethodResult
from explain.methods.option import option
from explain.models.score import Score
from explain.types import Array, Family

MAXIMUM_TOKENS = 256
MAXIMUM_TOKENS_OF_SEVERAL = 128


@dataclass(frozen=True)
class AttentionFlow(Method):
    """Maximum flow from the explained position at the top to each token at the bottom, through all layers.

    The graph is that of rollout (`mixing_steps`: skip connections included; in an encoder-decoder, decoder tokens also feed on the
    encoder's last states), its weights are capacities. One maximum flow per explained position and token; each position's flows are
    divided by their sum, then averaged. `maps["flow"]` holds the flows before that: [positions, tokens], each at most 1.

    In deep bidirectional models the flow hardly depends on the explained position: it mostly is min(1, what all positions of the
    first layer together take from the token). Read rollout beside it. With causal masks and in models of few layers it does depend.

    Raises:
        InputError: There are more than 256 tokens, or 128 where several positions are explained (mean pooling).
        UnsupportedError: The model hides its attention.
    """

    name = "attention_flow"
    title = "Attention flow"
    summary = "How much of each token could reach the explained position if attention were the width of pipes (maximum flow)."
    caution = (
        "Does not know the target. In deep bidirectional models it hardly depends on the explained position, only on how much the first "
        "layer attends to a token: read attention rollout beside it."
    )
    reference = "Abnar & Zuidema 2020, arXiv:2005.00928"
    family = Family.INTERNAL
    signed = False
    target_blind = True
    needs_attention = True
    reads_trace = True

    heads: HeadFusion = option(HeadFusion.MEAN, "How the heads of a layer become one.")

    def compute(self, score: Score) -> MethodResult:
        positions = score.read_positions()
        _check(len(score.encoding.tokens), len(positions))
        mixing = mixing_steps(score.trace.attention(), self.heads)
        flows = attention_flow(mixing.layers, [mixing.encoder + position for position in positions])
        rows = flows / flows.sum(1, keepdims=True)
        scores = influence_scores(rows, score.encoding, mixing.encoder)
        return MethodResult(scores, positions=positions, maps={"flow": flows})


def attention_flow(layers: Array, positions: Sequence[int]) -> Array:
    """Maximum flow from each position at the top to each token at the bottom.

    Args:
        layers: Capacities [L, n, n], the lowest layer first: layers[l][i, j] from token i above it to token j below it; rows sum to 1.
        positions: P tokens at the top.

    Returns:
        [P, n], each at most min(1, sum of layers[0][:, token]).

    Raises:
        InputError: There are more tokens than can be solved in seconds.
    """
    return _solve(layers, positions, keep=False)[0]


def flow_through_edges(layers: Array, positions: Sequence[int]) -> Array:
    """What each edge [L, n, n] carries of the flows to all tokens, as a share of their sum, averaged over the positions.

    Each layer sums to 1; the lowest one's column sums are the rows of `attention_flow`, normalised. A maximum flow is rarely the only
    one of its size: of several, this is one that prefers wide edges.
    """
    return _solve(layers, positions, keep=True)[1]


def _solve(layers: Array, positions: Sequence[int], *, keep: bool) -> tuple[Array, Array]:
    from explain.methods.maximum_flow import solve

    _check(layers.shape[-1], len(positions))
    capacities = np.ascontiguousarray(layers, dtype=np.float64)
    order = np.argsort(-capacities, axis=2, kind="stable").astype(np.int32)
    degree = (capacities > 0).sum(2).astype(np.int32)
    carried = np.zeros(capacities.shape if keep else (0, 0, 0))
    flows: Array = solve(capacities, order, degree, np.asarray(positions, dtype=np.int64), carried)
    return flows, carried


def _check(tokens: int, positions: int) -> None:
    """Raises InputError where there is more than can be solved in seconds."""
    most = MAXIMUM_TOKENS if positions == 1 else MAXIMUM_TOKENS_OF_SEVERAL
    if tokens > most:
        several = "" if positions == 1 else f" where, as here, {positions} positions are explained"
        raise InputError(
            f"Attention flow takes at most {most} tokens{several}, but there are {tokens} (encoder and decoder together). "
            "Shorten the text, or use attention rollout, which has no such limit."
        )
