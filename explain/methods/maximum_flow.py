"""Maximum flows through a layered graph by Dinic's algorithm, compiled at the first call (seconds).

Node t * n + i is token i after t layers (t = 0: the bottom). It leads down to its `degree` keys one layer below, widest edge first, and
back up where flow came down. An edge is the index of its capacity [L, n, n], counted through; one that leads back up is written ~edge.
This module imports numba: it is imported when a flow is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from explain.types import Array

Integers = npt.NDArray[np.integer[Any]]

TINY, ROUNDING = 1e-15, 1e-14

_jit: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(cache=False, nogil=True)


@_jit
def _reaches(free: Any, sent: Any, source: int, sink: int, distance: Any, queue: Any) -> bool:
    """Whether anything is left from source to sink; sets the distances of the nodes between them from the sink, else -1."""
    depth, size = free.shape[0], free.shape[1]
    for node in range(distance.size):
        distance[node] = -1
    distance[sink], queue[0] = 0, sink
    head, tail = 0, 1
    while head < tail:
        node = queue[head]
        head += 1
        t, j = node // size, node % size
        if t == depth - 1:
            if free[t, source, j] > TINY:
                distance[depth * size + source] = distance[node] + 1
                return True
        else:
            for i in range(size):
                above = (t + 1) * size + i
                if distance[above] < 0 and free[t, i, j] > TINY:
                    distance[above], queue[tail] = distance[node] + 1, above
                    tail += 1
        if t > 1:
            for i in range(size):
                below = (t - 1) * size + i
                if distance[below] < 0 and sent[t - 1, j, i] > TINY:
                    distance[below], queue[tail] = distance[node] + 1, below
                    tail += 1
    return False


@_jit
def _next_edge(pipes: Any, distance: Any, arc: Any, node: int, sink: int, back: bool) -> Any:
    """The next edge of a node that has room and leads nearer to the sink: (node it leads to, edge, room); (-1, 0, 0) without one."""
    free, sent, order, degree = pipes
    depth, size = degree.shape
    layer, token = node // size, node % size
    down = 1 if layer == 1 else degree[layer - 1, token]
    last = down + size if back and layer < depth - 1 else down
    while arc[node] < last:
        if arc[node] < down:
            below = sink if layer == 1 else order[layer - 1, token, arc[node]]
            onward, edge = (layer - 1) * size + below, ((layer - 1) * size + token) * size + below
            room = free[edge]
        else:
            above = arc[node] - down
            onward, edge = (layer + 1) * size + above, (layer * size + above) * size + token
            room = sent[edge]
            edge = ~edge
        if room > TINY and distance[onward] == distance[node] - 1:
            return onward, edge, room
        arc[node] += 1
    return -1, 0, 0.0


@_jit
def _move(pipes: Any, touched: Any, edge: int, amount: float) -> None:
    """Let an amount run along an edge; the edges that ever carried something are noted in `touched`, their number last."""
    free, sent = pipes[0], pipes[1]
    if edge < 0:
        sent[~edge] -= amount
        free[~edge] += amount
    elif amount > 0:
        if sent[edge] == 0 and touched[-1] < touched.size - 1:
            touched[touched[-1]] = edge
            touched[-1] += 1
        free[edge] -= amount
        sent[edge] += amount


@_jit
def _push(pipes: Any, nodes: Any, touched: Any, source: int, sink: int, most: float, back: bool) -> Any:
    """Send up to `most` along edges that lead nearer to the sink, until they are blocked; returns how much went."""
    distance, arc, stack, amounts, _ = nodes
    depth, size = pipes[3].shape
    path, edges, wanted, got = stack[0], stack[1], amounts[0], amounts[1]
    node, length = depth * size + source, 0
    path[0], wanted[0], got[0] = node, most, 0.0
    while True:
        rest = wanted[length] - got[length]
        onward, edge, room = -1, 0, 0.0
        if rest > TINY:
            onward, edge, room = _next_edge(pipes, distance, arc, node, sink, back)
        if onward >= 0:
            length += 1
            path[length], edges[length], wanted[length], got[length] = onward, edge, min(rest, room), 0.0
            node = onward
            if node != sink:
                continue
            got[length] = wanted[length]
        elif length == 0:
            return got[0]
        amount = got[length]
        if amount < wanted[length] - TINY:
            distance[node] = -1
        length -= 1
        node = path[length]
        got[length] += amount
        _move(pipes, touched, edges[length + 1], amount)


@_jit
def _flow(capacity: Any, free: Any, sent: Any, pipes: Any, nodes: Any, touched: Any, used: Any, source: int, sink: int, most: float) -> Any:
    """Maximum flow from a source to a sink, at most `most`; what its edges carry is added to `used`, and they are as before.

    While nothing flows, the layer is a node's distance from the bottom: the first phase needs no search, and mostly reaches what the two
    ends let through, which ends it. Only touched edges are reset.
    """
    size = free.shape[1]
    distance, arc, queue = nodes[0], nodes[1], nodes[4]
    for node in range(distance.size):
        distance[node] = node // size if node >= size else -1
    distance[sink] = 0
    flow, back = 0.0, False
    while most - flow > ROUNDING and (not back or _reaches(free, sent, source, sink, distance, queue)):
        for node in range(arc.size):
            arc[node] = 0
        flow += _push(pipes, nodes, touched, source, sink, most - flow, back)
        back = True
    every = touched[-1] == touched.size - 1
    for place in range(touched[-1]):
        edge = place if every else touched[place]
        if used.size:
            used[edge] += pipes[1][edge]
        pipes[0][edge], pipes[1][edge] = capacity[edge], 0.0
    touched[-1] = 0
    return flow


def solve(capacity: Array, order: Integers, degree: Integers, sources: Integers, carried: Array) -> Array:
    """Maximum flow [P, n] from each source at the top to each token at the bottom.

    Args:
        capacity: [L, n, n], the lowest layer first.
        order: Keys of every token, the widest edge first [L, n, n].
        degree: How many keys have an edge [L, n].
        sources: Tokens at the top [P].
        carried: [L, n, n] to be filled with the share of all flows that every edge carries, or empty.
    """
    depth, size = degree.shape
    free, sent, used = capacity.copy(), np.zeros_like(capacity), np.zeros(carried.size)
    distance, arc, queue = (np.empty((depth + 1) * size, np.int64) for _ in range(3))
    pipes = (free.ravel(), sent.ravel(), order, degree)
    nodes = (distance, arc, np.empty((2, distance.size), np.int64), np.empty((2, distance.size)), queue)
    touched = np.zeros(capacity.size + 1, np.int64)
    flows = np.zeros((sources.size, size))
    for row, source in enumerate(sources.tolist()):
        most = np.minimum(capacity[-1, source].sum(), capacity[0].sum(0)).tolist()
        for sink in range(size):
            flows[row, sink] = _flow(capacity.ravel(), free, sent, pipes, nodes, touched, used, source, sink, most[sink])
        if used.size:
            carried += used.reshape(carried.shape) / (flows[row].sum() * sources.size)
            used[:] = 0
    return flows
