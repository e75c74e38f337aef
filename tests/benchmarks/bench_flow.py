"""Attention flow from one position through 12 layers, against networkx and scipy in the same process.

    python tests/benchmarks/bench_flow.py

Prints milliseconds per row of flows (one maximum flow per token), the best of several runs, and how many times longer the others take.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import networkx as nx
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from explain.methods.attention_flow import attention_flow
from explain.methods.attention_rollout import with_residual
from explain.types import Array

LAYERS = 12
SCALE = 2**26


def random_layers(size: int, *, causal: bool) -> Array:
    weights = np.exp(np.random.default_rng(0).standard_normal((LAYERS, 12, size, size)))
    weights = np.tril(weights) if causal else weights
    return with_residual(weights / weights.sum(-1, keepdims=True))


def by_networkx(layers: Array) -> Array:
    size = layers.shape[-1]
    graph = nx.DiGraph()
    for (layer, i, j), width in np.ndenumerate(layers):
        if width > 0:
            graph.add_edge((layer + 1, i), (layer, j), capacity=float(width))
    return np.array([nx.maximum_flow_value(graph, (len(layers), size - 1), (0, j)) for j in range(size)])


def by_scipy(layers: Array) -> Array:
    size = layers.shape[-1]
    layer, above, below = np.nonzero(layers)
    widths = np.round(layers[layer, above, below] * SCALE).astype(np.int32)
    nodes = (len(layers) + 1) * size
    graph = csr_array((widths, ((layer + 1) * size + above, layer * size + below)), shape=(nodes, nodes))
    return np.array([maximum_flow(graph, nodes - 1, j).flow_value / SCALE for j in range(size)])


def milliseconds(function: Callable[[Array], Array], layers: Array, runs: int) -> tuple[float, Array]:
    best = float("inf")
    for _ in range(runs):
        started = time.perf_counter()
        flows = function(layers)
        best = min(best, time.perf_counter() - started)
    return best * 1000, flows


def main() -> None:
    def ours(layers: Array) -> Array:
        return attention_flow(layers, [layers.shape[-1] - 1])[0]

    print(f"compiling: {milliseconds(ours, random_layers(2, causal=False), 1)[0] / 1000:.1f} s, once per process")
    print(f"{'tokens':>6} {'mask':>13} {'ours ms':>9} {'networkx':>10} {'scipy':>8} {'error':>9}")
    for size in (16, 64, 128):
        for causal in (False, True):
            layers = random_layers(size, causal=causal)
            mine, flows = milliseconds(ours, layers, 5)
            theirs, expected = milliseconds(by_scipy, layers, 1 if size > 16 else 3)
            slow = f"{milliseconds(by_networkx, layers, 1)[0] / mine:.0f} x" if size == 16 else "-"
            error = float(np.abs(flows - expected).max())
            mask = "causal" if causal else "bidirectional"
            print(f"{size:>6} {mask:>13} {mine:>9.2f} {slow:>10} {theirs / mine:>6.1f} x {error:>9.1e}")


if __name__ == "__main__":
    main()
