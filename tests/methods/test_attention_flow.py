"""Flow against the paper's algorithm by networkx, against scipy's solver, and its invariants."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from explain.errors import InputError
from explain.methods.attention_flow import (
    MAXIMUM_TOKENS,
    MAXIMUM_TOKENS_OF_SEVERAL,
    AttentionFlow,
    attention_flow,
    flow_through_edges,
)
from explain.methods.attention_rollout import mixing_steps, with_residual


def random_layers(layers, size, *, seed=0, sharpness=1.0, causal=False):
    weights = np.exp(sharpness * np.random.default_rng(seed).standard_normal((layers, 2, size, size)))
    weights = np.tril(weights) if causal else weights
    return with_residual(weights / weights.sum(-1, keepdims=True))


def slow_flows(graph, source, sinks):
    return np.array([nx.maximum_flow_value(graph, source, sink) if sink in graph else 0.0 for sink in sinks])


def pipes(graph, stack, number, matrix, below=None):
    """Edges from the tokens of a layer to those of the layer below (or of `below`), as wide as the matrix says."""
    for i, row in enumerate(matrix):
        for j, width in enumerate(row):
            if width > 0:
                graph.add_edge((stack, number + 1, i), (stack, number, j) if below is None else (*below, j), capacity=float(width))


def slow_row(maps, position):
    """The paper's graph built edge by edge: flows from a top position to [encoder tokens | decoder tokens]."""
    graph = nx.DiGraph()
    normal = {name: (layers.mean(1) + np.eye(layers.shape[-1])) / 2 for name, layers in maps.items() if name != "cross"}
    if "cross" not in maps:
        layers = next(iter(normal.values()))
        for number, matrix in enumerate(layers):
            pipes(graph, "self", number, matrix)
        return slow_flows(graph, ("self", len(layers), position), [("self", 0, j) for j in range(layers.shape[-1])])
    top = len(maps["encoder"])
    for number, matrix in enumerate(normal["encoder"]):
        pipes(graph, "encoder", number, matrix)
    for number, (own, cross) in enumerate(zip(normal["decoder"], maps["cross"].mean(1), strict=True)):
        pipes(graph, "decoder", number, own / 2)
        pipes(graph, "decoder", number, cross / 2, below=("encoder", top))
    sinks = [("encoder", 0, j) for j in range(maps["cross"].shape[-1])] + [("decoder", 0, j) for j in range(maps["cross"].shape[-2])]
    return slow_flows(graph, ("decoder", len(maps["cross"]), position), sinks)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("sharpness", [0.3, 2.0, 12.0])
@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_flow_is_the_papers_maximum_flow(depth, sharpness, causal):
    for size, seed in ((1, 0), (2, 1), (5, 2), (7, 3)):
        layers = random_layers(depth, size, seed=seed, sharpness=sharpness, causal=causal)
        graph = nx.DiGraph()
        for number, matrix in enumerate(layers):
            pipes(graph, "self", number, matrix)
        expected = [slow_flows(graph, ("self", depth, i), [("self", 0, j) for j in range(size)]) for i in (0, size - 1)]
        assert attention_flow(layers, [0, size - 1]) == pytest.approx(np.array(expected), abs=1e-12)


AGAIN = (
    ("010 020 030 050 050 070 080 080", "107 121 153 155 158 175 182 185 187 188"),
    ("227 238 238 238 245 245 262 265 265 265 2a0", "303 312 313 313 326 33a 344 344 344"),
    ("400 401 401 401 402 402 402 403 404 404",),
)
"""Edges of width 1, as often as they are wide: layer, token above, token below."""


def test_what_was_taken_back_from_an_edge_can_run_there_again():
    """Found by search: the only maximum sends flow through an edge, takes it back, and needs the edge once more."""
    layers, graph = np.zeros((5, 11, 11)), nx.DiGraph()
    for edge in " ".join(" ".join(part) for part in AGAIN).split():
        layers[tuple(int(digit, 16) for digit in edge)] += 1
    for number, matrix in enumerate(layers):
        pipes(graph, "self", number, matrix)
    assert attention_flow(layers, [0])[0] == pytest.approx(slow_flows(graph, ("self", 5, 0), [("self", 0, j) for j in range(11)]))
    assert attention_flow(layers, [0])[0, 0] == 8


def test_flow_is_that_of_scipys_integer_solver():
    size, depth, scale = 16, 6, 2**26
    layers = random_layers(depth, size, sharpness=2.0)
    source = depth * size + 3
    above, below = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    rows = np.concatenate([((number + 1) * size + above).ravel() for number in range(depth)])
    columns = np.concatenate([(number * size + below).ravel() for number in range(depth)])
    graph = csr_array((np.round(layers.ravel() * scale).astype(np.int32), (rows, columns)), shape=((depth + 1) * size,) * 2)
    expected = [maximum_flow(graph, source, sink).flow_value / scale for sink in range(size)]
    assert attention_flow(layers, [3])[0] == pytest.approx(np.array(expected), abs=1e-6)


def test_one_layer_is_the_matrix_itself():
    layers = random_layers(1, 9)
    assert attention_flow(layers, range(9)) == pytest.approx(layers[0])


@pytest.mark.parametrize("causal", [False, True])
def test_flow_is_bounded_by_both_ends(causal):
    layers = random_layers(8, 24, sharpness=3.0, causal=causal)
    flows = attention_flow(layers, range(24))
    assert flows.max() <= 1 + 1e-12
    assert (flows <= layers[0].sum(0) + 1e-12).all()
    assert (flows >= 0).all()
    assert not causal or np.triu(flows, 1).max() == 0


def test_deep_bidirectional_flow_ignores_the_position():
    layers = random_layers(12, 16)
    expected = np.minimum(1, layers[0].sum(0))
    assert attention_flow(layers, [0, 7, 15]) == pytest.approx(np.tile(expected, (3, 1)))


def test_edges_carry_the_flows():
    layers = random_layers(5, 8, sharpness=3.0)
    edges = flow_through_edges(layers, [2, 6])
    flows = attention_flow(layers, [2, 6])
    assert edges.min() >= 0
    assert edges.sum((1, 2)) == pytest.approx(np.ones(5))
    assert edges[0].sum(0) == pytest.approx((flows / flows.sum(1, keepdims=True)).mean(0))
    assert edges[:-1].sum(2) == pytest.approx(edges[1:].sum(1))
    assert (edges <= layers * (8 / flows.sum(1).min()) + 1e-12).all()


def test_encoder_decoder_is_one_graph():
    generator = np.random.default_rng(0)
    maps = {
        "encoder": generator.dirichlet(np.full(5, 0.3), (3, 2, 5)),
        "decoder": np.tril(generator.random((2, 2, 4, 4))),
        "cross": generator.dirichlet(np.full(5, 0.3), (2, 2, 4)),
    }
    maps["decoder"] /= maps["decoder"].sum(-1, keepdims=True)
    flows = attention_flow(mixing_steps(maps).layers, range(5, 9))
    assert flows == pytest.approx(np.array([slow_row(maps, position) for position in range(4)]), abs=1e-12)


def test_scores_are_those_of_eager_attention(case):
    for score in case.scores()[:2]:
        encoding = score.encoding
        maps = case.made.eager(encoding)
        positions = score.read_positions()
        flows = np.array([slow_row(maps, position) for position in positions])
        row = (flows / flows.sum(1, keepdims=True)).mean(0)
        inputs = encoding.input_length
        if len(row) > inputs and not encoding.has_prefix:
            decoder, row = row[inputs:], row[:inputs].copy()
            row[:-1] += decoder[1:] if encoding.mirrored else 0
            row /= row.sum()
        attribution = AttentionFlow().attribute(score)
        assert attribution.scores == pytest.approx(row, abs=1e-6)
        assert attribution.maps["flow"] == pytest.approx(flows, abs=1e-6)
        assert attribution.scores.sum() == pytest.approx(1)
        assert (attribution.scores >= 0).all()


@pytest.mark.parametrize("case", ["bert-class", "t5-class", "t5-labels", "bart-class"], indirect=True)
def test_target_does_not_matter(case):
    scores = [case.explainer.analyze(case.made.text, ["attention_flow"], target=target)["attention_flow"].scores for target in (0, 1)]
    assert scores[0].tolist() == scores[1].tolist()


def test_too_many_tokens_are_refused():
    with pytest.raises(InputError, match=r"at most 256 tokens, but there are 257.*attention rollout"):
        attention_flow(np.eye(MAXIMUM_TOKENS + 1)[None], [0])
    with pytest.raises(InputError, match="at most 128 tokens where, as here, 2 positions"):
        attention_flow(np.eye(MAXIMUM_TOKENS_OF_SEVERAL + 1)[None], [0, 1])
