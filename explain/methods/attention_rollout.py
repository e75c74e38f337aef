"""Attention rollout: attention of all layers multiplied through, residual connections included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch

from explain.methods.attention import row_to_scores
from explain.methods.method import Method, MethodResult
from explain.methods.option import option
from explain.models.score import Score
from explain.models.trace import Trace
from explain.types import Array, Encoding, Family


class HeadFusion(StrEnum):
    """How the heads of a layer become one matrix."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"


@dataclass(frozen=True)
class MixingSteps:
    """How each layer mixes the tokens below it, as matrices whose rows sum to 1.

    Attributes:
        layers: [steps, N, N], the lowest first; step l maps N token states to the N states above them.
        encoder: Tokens of the encoder, which come first of the N; 0 for a single stack.
        encoder_steps: How many of the steps are the encoder's; 0 for a single stack.
    """

    layers: Array
    encoder: int = 0
    encoder_steps: int = 0


@dataclass(frozen=True)
class AttentionRollout(Method):
    """Influence of each read token on the explained position, through all layers (`rollout` of `mixing_steps`).

    Averaged over the explained positions where there are several. `maps["rollout"]` holds the joint matrix after every step:
    [steps, N, N], N the read tokens or, for encoder-decoders, the encoder's tokens and then the decoder's. Of a text whose attention is
    too large to keep, the rows of the explained positions are multiplied through from the top instead, and `maps` is empty.

    Raises:
        UnsupportedError: The model hides its attention.
    """

    name = "attention_rollout"
    title = "Attention rollout"
    summary = "How much of each token reaches the explained position if every layer only mixes tokens by its attention."
    caution = "Does not know the target, and takes attention and skip connection as equal halves: what a token carries is not looked at."
    reference = "Abnar & Zuidema 2020, arXiv:2005.00928; Ferrando et al. 2022, arXiv:2205.11631"
    family = Family.INTERNAL
    signed = False
    target_blind = True
    needs_attention = True
    reads_trace = True

    heads: HeadFusion = option(HeadFusion.MEAN, "How the heads of a layer become one.")

    def compute(self, score: Score) -> MethodResult:
        positions = score.read_positions()
        if not score.trace.kept:
            rows, encoder = rows_from_the_top(score.trace, positions, self.heads)
            return MethodResult(influence_scores(rows, score.encoding, encoder), positions=positions)
        mixing = mixing_steps(score.trace.attention(), self.heads)
        joint = rollouts(mixing.layers)
        rows = joint[-1][[mixing.encoder + position for position in positions]]
        scores = influence_scores(rows, score.encoding, mixing.encoder)
        return MethodResult(scores, positions=positions, maps={"rollout": joint})


def with_residual(weights: Array, heads: HeadFusion = HeadFusion.MEAN) -> Array:
    """Self-attention [L, H, n, n] with its skip connection: (A + I) / 2 of the fused heads, rows renormalised, [L, n, n]."""
    return _rows_to_one((_fused(weights, heads) + np.eye(weights.shape[-1])) / 2)


def without_residual(weights: Array, heads: HeadFusion = HeadFusion.MEAN) -> Array:
    """Cross-attention [L, H, q, k] with heads fused, rows renormalised, [L, q, k]; rows without a common key (min) take the mean."""
    fused = _fused(weights, heads)
    return _rows_to_one(np.where(fused.sum(-1, keepdims=True) > 0, fused, weights.mean(1)))


def mixing_steps(maps: Mapping[str, Array], heads: HeadFusion = HeadFusion.MEAN) -> MixingSteps:
    """Recorded weights (group -> [layers, heads, queries, keys]) as matrices that can be multiplied.

    A single stack, or an encoder alone, gives `with_residual` of its layers. An encoder-decoder of n input and m decoder tokens gives
    matrices over the N = n + m of them. An encoder layer E leaves the decoder's embeddings alone, a decoder layer leaves the encoder's
    last states alone. The latter takes its self-attention S and its cross-attention C as consecutive steps, each with its skip
    connection: y = (x + S x) / 2, then x' = (y + C e) / 2, with e the encoder's last states. On the states [e | x] these are

        [ (I + E) / 2   0 ]          [  I       0         ]
        [   0           I ]   and    [ C / 2   (I + S) / 4 ]
    """
    if "cross" not in maps:
        return MixingSteps(with_residual(maps["self"] if "self" in maps else maps["encoder"], heads))
    encoder, cross = with_residual(maps["encoder"], heads), without_residual(maps["cross"], heads)
    inputs, below = encoder.shape[-1], encoder.shape[0]
    size = inputs + cross.shape[1]
    layers = np.tile(np.eye(size), (below + cross.shape[0], 1, 1))
    layers[:below, :inputs, :inputs] = encoder
    layers[below:, inputs:, :inputs] = cross / 2
    layers[below:, inputs:, inputs:] = with_residual(maps["decoder"], heads) / 2
    return MixingSteps(layers, inputs, below)


def rollouts(layers: Array) -> Array:
    """The joint matrix after each layer, [L, n, n]: layers[l] @ … @ layers[0]. Rows sum to 1 if those of the layers do."""
    joint = np.empty_like(layers)
    joint[0] = layers[0]
    for step in range(1, len(layers)):
        np.matmul(layers[step], joint[step - 1], out=joint[step])
    return joint


def rows_from_the_top(trace: Trace, positions: Sequence[int], heads: HeadFusion = HeadFusion.MEAN) -> tuple[Array, int]:
    """Rows [P, N] of the rollout at explained positions, and the number of encoder tokens among the N, one layer's attention at a time."""
    trace.check_alike()

    def of(group: str, layer: int) -> Array:
        weights = trace.weights[trace.sites[group][layer]][0]
        fused = weights.mean(0) if heads is HeadFusion.MEAN else weights.amin(0) if heads is HeadFusion.MIN else weights.amax(0)
        if group == "cross":
            fused = torch.where(fused.sum(-1, keepdim=True) > 0, fused, weights.mean(0))
        return np.asarray(fused.double().cpu())[None]  # as of one head

    stacks = [group for group in trace.groups if group != "cross"]
    lengths = {group: trace.outputs[trace.sites[group][0]].shape[1] for group in stacks}
    shares = {group: np.zeros((len(positions), length)) for group, length in lengths.items()}
    shares[stacks[-1]][range(len(positions)), list(positions)] = 1.0
    for group in reversed(stacks):
        for layer in reversed(range(len(trace.sites[group]))):
            own = shares[group] @ with_residual(of(group, layer)[None])[0]
            if group == "decoder" and "cross" in trace.groups:
                shares["encoder"] += shares[group] @ _rows_to_one(of("cross", layer))[0] / 2
                own /= 2
            shares[group] = own
    return np.concatenate(list(shares.values()), axis=1), lengths["encoder"] if "cross" in trace.groups else 0


def rollout(layers: Array) -> Array:
    """Influence [n, n] of each token at the bottom (column) on each position at the top (row), by layers [L, n, n]."""
    return np.asarray(rollouts(layers)[-1])


def influence_through_edges(layers: Array, positions: Sequence[int]) -> Array:
    """What each edge [L, n, n] carries of all influence on the positions at the top, averaged over them.

    Each layer sums to 1, and the lowest one's column sums are the averaged rows of `rollout` at the positions.
    """
    share = np.bincount(positions, minlength=layers.shape[-1]) / len(positions)
    edges = np.empty_like(layers)
    for step in reversed(range(len(layers))):
        edges[step] = share[:, None] * layers[step]
        share = edges[step].sum(0)
    return edges


def influence_scores(rows: Array, encoding: Encoding, encoder: int) -> Array:
    """Influence [positions, N] of all token states on the explained positions as one score per read token, summing to 1.

    Where the decoder reads the input again (`mirrored`), its share of a token is added to that of the token in the encoder. The start
    token of a decoder that is given no prefix belongs to no token: its share is left out and the rest renormalised.
    """
    positions = range(len(rows))
    if encoder == 0:
        return row_to_scores({"self": rows}, encoding, positions)
    decoder = rows[:, encoder:]
    scores = row_to_scores({"cross": rows[:, :encoder], "decoder": decoder}, encoding, positions)
    if encoding.mirrored:
        scores[: decoder.shape[1] - 1] += decoder.mean(0)[1:]
    return scores if encoding.has_prefix else scores / scores.sum()


def _fused(weights: Array, heads: HeadFusion) -> Array:
    """[L, H, q, k] -> [L, q, k]."""
    if heads is HeadFusion.MEAN:
        return np.asarray(weights.mean(1))
    return np.asarray(weights.min(1) if heads is HeadFusion.MIN else weights.max(1))


def _rows_to_one(matrices: Array) -> Array:
    return np.asarray(matrices / matrices.sum(-1, keepdims=True))
