"""Rollout against the papers' algorithms written as loops, on transformers' own eager attention."""

from __future__ import annotations

import numpy as np
import pytest

from explain.methods.attention_rollout import (
    AttentionRollout,
    HeadFusion,
    influence_through_edges,
    mixing_steps,
    rollout,
    rollouts,
    with_residual,
    without_residual,
)


def random_weights(*shape, seed=0, causal=False):
    weights = np.exp(2 * np.random.default_rng(seed).standard_normal(shape))
    weights = np.tril(weights) if causal else weights
    return weights / weights.sum(-1, keepdims=True)


def slow_layer(heads, fuse=np.mean):
    """The paper's code: heads fused, identity added, rows normalised."""
    size = heads.shape[-1]
    raw = [[fuse([head[i, j] for head in heads]) + (i == j) for j in range(size)] for i in range(size)]
    return [[value / sum(row) for value in row] for row in raw]


def mixed(weights, states):
    return [sum(weight * state for weight, state in zip(row, states, strict=True)) for row in weights]


def slow_influence(maps):
    """Each token's state as a vector of shares [encoder tokens | decoder tokens], carried through the layers one by one."""
    if "cross" not in maps:
        layers = next(iter(maps.values()))
        states = list(np.eye(layers.shape[-1]))
        for heads in layers:
            states = mixed(slow_layer(heads), states)
        return np.array(states)
    inputs, outputs = maps["cross"].shape[-1], maps["cross"].shape[-2]
    unit = np.eye(inputs + outputs)
    encoder, decoder = list(unit[:inputs]), list(unit[inputs:])
    for heads in maps["encoder"]:
        encoder = mixed(slow_layer(heads), encoder)
    for self_heads, cross_heads in zip(maps["decoder"], maps["cross"], strict=True):
        attended = mixed(slow_layer(self_heads), decoder)
        crossed = mixed(cross_heads.mean(0), encoder)
        decoder = [(a + c) / 2 for a, c in zip(attended, crossed, strict=True)]
    return np.array(decoder)


def slow_scores(influence, encoding):
    """Rows of influence on the explained positions as scores of the read tokens."""
    row = influence.mean(0)
    inputs = encoding.input_length
    if len(row) > inputs and not encoding.has_prefix:
        scores, decoder = row[:inputs].copy(), row[inputs:]
        for token in range(inputs - 1):
            scores[token] += decoder[token + 1] if encoding.mirrored else 0
        return scores / scores.sum()
    return row


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("fusion", list(HeadFusion))
def test_rollout_is_the_papers_algorithm(fusion, causal):
    weights = random_weights(4, 3, 6, 6, causal=causal)
    fuse = {HeadFusion.MEAN: np.mean, HeadFusion.MIN: min, HeadFusion.MAX: max}[fusion]
    joint = np.eye(6)
    for heads in weights:
        joint = np.array(mixed(slow_layer(heads, fuse), joint))
    assert rollout(with_residual(weights, fusion)) == pytest.approx(joint, abs=1e-12)


@pytest.mark.parametrize("fusion", list(HeadFusion))
def test_rows_sum_to_one(fusion):
    maps = {
        "encoder": random_weights(3, 4, 7, 7),
        "decoder": random_weights(2, 4, 5, 5, causal=True),
        "cross": random_weights(2, 4, 5, 7),
    }
    mixing = mixing_steps(maps, fusion)
    assert (mixing.encoder, mixing.encoder_steps, mixing.layers.shape) == (7, 3, (5, 12, 12))
    assert mixing.layers.sum(-1) == pytest.approx(np.ones((5, 12)))
    assert rollouts(mixing.layers).sum(-1) == pytest.approx(np.ones((5, 12)))
    assert rollouts(mixing.layers)[-1] == pytest.approx(rollout(mixing.layers))


def test_encoder_decoder_is_the_composition_of_its_layers():
    maps = {
        "encoder": random_weights(3, 4, 7, 7),
        "decoder": random_weights(2, 4, 5, 5, causal=True),
        "cross": random_weights(2, 4, 5, 7, seed=1),
    }
    assert rollout(mixing_steps(maps).layers)[7:] == pytest.approx(slow_influence(maps), abs=1e-12)


def test_heads_without_a_common_key_fall_back_to_their_mean():
    weights = np.array([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    assert without_residual(weights, HeadFusion.MIN).tolist() == [[[0.5, 0.5]]]


def test_edges_carry_all_influence():
    layers = with_residual(random_weights(4, 2, 6, 6))
    edges = influence_through_edges(layers, [1, 4])
    assert edges.sum((1, 2)) == pytest.approx(np.ones(4))
    assert edges[0].sum(0) == pytest.approx(rollout(layers)[[1, 4]].mean(0))
    assert edges[:-1].sum(2) == pytest.approx(edges[1:].sum(1))


def test_scores_are_those_of_eager_attention(case):
    for score in case.scores()[:2]:
        encoding = score.encoding
        influence = slow_influence(case.made.eager(encoding))
        positions = list(score.read_positions())
        attribution = AttentionRollout().attribute(score)
        assert attribution.scores == pytest.approx(slow_scores(influence[positions], encoding), abs=1e-6)
        assert attribution.scores.sum() == pytest.approx(1)
        assert (attribution.scores >= 0).all()
        size = influence.shape[1]
        assert attribution.maps["rollout"].shape[1:] == (size, size)


def test_the_network_looks_down_from_the_explained_position(case):
    explainer = case.explainer
    last = case.score()
    explanation = explainer.analyze(case.made.text, ["attention"])
    assert explanation["attention"].positions == last.read_positions()
    assert explainer.show_attention_flow(explanation).data
    assert explainer.show_attention_flow(explanation, kind="flow", threshold=0.2).data


@pytest.mark.parametrize("case", ["bert-class", "t5-class", "t5-labels", "bart-class"], indirect=True)
def test_target_does_not_matter(case):
    explainer = case.explainer
    scores = [explainer.analyze(case.made.text, ["attention_rollout"], target=target)["attention_rollout"].scores for target in (0, 1)]
    assert scores[0].tolist() == scores[1].tolist()
