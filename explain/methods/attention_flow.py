"""Attention flow: how much could run from each token to the explained position if attention were the width of pipes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explain.errors import InputError
from explain.methods.attention_rollout import HeadFusion, influence_scores, mixing_steps
from explain.methods.method import Method, MethodResult, option
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
        mixing = mixing_steps(score.trace.attention(), self.heads)
        positions = score.read_positions()
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
    tokens, most = layers.shape[-1], MAXIMUM_TOKENS if len(positions) == 1 else MAXIMUM_TOKENS_OF_SEVERAL
    if tokens > most:
        several = "" if len(positions) == 1 else f" where, as here, {len(positions)} positions are explained"
        raise InputError(
            f"Attention flow takes at most {most} tokens{several}, but there are {tokens} (encoder and decoder together). "
            "Shorten the text, or use attention rollout, which has no such limit."
        )
    capacities = np.ascontiguousarray(layers, dtype=np.float64)
    order = np.argsort(-capacities, axis=2, kind="stable").astype(np.int32)
    degree = (capacities > 0).sum(2).astype(np.int32)
    carried = np.zeros(capacities.shape if keep else (0, 0, 0))
    flows: Array = _solver()(capacities, order, degree, np.asarray(positions, dtype=np.int64), carried)
    return flows, carried


@functools.cache
def _solver() -> Callable[..., Any]:
    """Dinic's algorithm on a layered graph, compiled at its first call (seconds); numba is not imported before.

    Node t * n + i is token i after t layers (t = 0: the bottom). It leads down to its `degree` keys one layer below, widest edge first,
    and back up where flow came down. While nothing flows, t is a node's distance from the token at the bottom: the first phase needs no
    search, and mostly reaches what the two ends let through, which ends it. Only touched edges are reset before the next flow.
    """
    import numba

    jit: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(cache=False, nogil=True)
    tiny, rounding = 1e-15, 1e-14

    @jit
    def reaches(free: Any, sent: Any, source: int, sink: int, distance: Any, queue: Any) -> bool:
        """Whether anything is left from source to sink; sets the distances of the nodes between them from the sink, else -1."""
        depth, size = free.shape[0], free.shape[1]
        distance[:] = -1
        distance[sink], queue[0] = 0, sink
        head, tail = 0, 1
        while head < tail:
            node = queue[head]
            head += 1
            t, j = node // size, node % size
            if t == depth - 1:
                if free[t, source, j] > tiny:
                    distance[depth * size + source] = distance[node] + 1
                    return True
            else:
                for i in range(size):
                    above = (t + 1) * size + i
                    if distance[above] < 0 and free[t, i, j] > tiny:
                        distance[above], queue[tail] = distance[node] + 1, above
                        tail += 1
            if t > 1:
                for i in range(size):
                    below = (t - 1) * size + i
                    if distance[below] < 0 and sent[t - 1, j, i] > tiny:
                        distance[below], queue[tail] = distance[node] + 1, below
                        tail += 1
        return False

    @jit
    def push(pipes: Any, nodes: Any, touched: Any, source: int, sink: int, most: float, back: bool) -> Any:
        """Send up to `most` along edges that lead nearer to the sink, until they are blocked; returns how much went."""
        (free, sent, order, degree), (distance, arc, stack, amounts) = pipes, nodes
        depth, size = degree.shape
        path, edges, wanted, got = stack[0], stack[1], amounts[0], amounts[1]
        node, length = depth * size + source, 0
        path[0], wanted[0], got[0] = node, most, 0.0
        while True:
            layer, token = node // size, node % size
            down = 1 if layer == 1 else degree[layer - 1, token]
            last = down + size if back and layer < depth - 1 else down
            rest = wanted[length] - got[length]
            found = False
            while rest > tiny and arc[node] < last:
                if arc[node] < down:
                    below = sink if layer == 1 else order[layer - 1, token, arc[node]]
                    onward, edge = (layer - 1) * size + below, ((layer - 1) * size + token) * size + below
                    room = free[edge]
                else:
                    above = arc[node] - down
                    onward, edge = (layer + 1) * size + above, (layer * size + above) * size + token
                    room = sent[edge]
                    edge = ~edge
                if room > tiny and distance[onward] == distance[node] - 1:
                    found = True
                    break
                arc[node] += 1
            if found:
                length += 1
                path[length], edges[length], wanted[length], got[length] = onward, edge, min(rest, room), 0.0
                node = onward
                if node != sink:
                    continue
                got[length] = wanted[length]
            elif length == 0:
                return got[0]
            amount, edge = got[length], edges[length]
            if amount < wanted[length] - tiny:
                distance[node] = -1
            length -= 1
            node = path[length]
            got[length] += amount
            if edge < 0:
                sent[~edge] -= amount
                free[~edge] += amount
            elif amount > 0:
                if sent[edge] == 0 and touched[-1] < touched.size - 1:
                    touched[touched[-1]] = edge
                    touched[-1] += 1
                free[edge] -= amount
                sent[edge] += amount

    @jit
    def solve(capacity: Any, order: Any, degree: Any, sources: Any, carried: Any) -> Any:
        depth, size = degree.shape
        free, sent, used = capacity.copy(), np.zeros_like(capacity), np.zeros_like(carried).ravel()
        all_capacity, all_free, all_sent = capacity.ravel(), free.ravel(), sent.ravel()
        distance, arc, queue = np.empty((3, (depth + 1) * size), np.int64)
        stack, amounts = np.empty((2, distance.size), np.int64), np.empty((2, distance.size))
        pipes, nodes = (all_free, all_sent, order, degree), (distance, arc, stack, amounts)
        touched = np.zeros(capacity.size + 1, np.int64)  # and their number, last
        flows = np.zeros((sources.size, size))
        for row, source in enumerate(sources):
            for sink in range(size):
                most = min(capacity[depth - 1, source].sum(), capacity[0, :, sink].sum())
                for layer in range(depth + 1):
                    distance[layer * size : (layer + 1) * size] = layer if layer > 0 else -1
                distance[sink] = 0
                back = False
                while most - flows[row, sink] > rounding and (not back or reaches(free, sent, source, sink, distance, queue)):
                    arc[:] = 0
                    flows[row, sink] += push(pipes, nodes, touched, source, sink, most - flows[row, sink], back)
                    back = True
                if touched[-1] == touched.size - 1:
                    touched[:] = np.arange(touched.size)
                for edge in touched[: touched[-1]]:
                    if used.size:
                        used[edge] += all_sent[edge]
                    all_free[edge], all_sent[edge] = all_capacity[edge], 0.0
                touched[-1] = 0
            if used.size:
                carried += used.reshape(carried.shape) / (flows[row].sum() * sources.size)
                used[:] = 0
        return flows

    return solve
