"""Layer by layer: which tokens matter in each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from explain.methods.attention import row_to_scores
from explain.methods.attention_rollout import influence_scores
from explain.methods.layer_ablation import require_blocks
from explain.methods.value_zeroing import distances, zeroing_steps
from explain.models.passes import Recording
from explain.models.score import Score
from explain.types import Array


def attention_by_layer(score: Score) -> Array:
    """Attention from the explained positions to every read token, averaged over heads, [L, n] (the decoder's layers)."""
    positions = score.read_positions()
    groups = [group for group in score.trace.groups if group != "encoder" or "cross" not in score.trace.groups]
    maps = {group: rows.mean(1) for group, rows in score.trace.attention_from(dict.fromkeys(groups, positions)).items()}  # [L, P, k]
    depth = len(maps["cross"] if "cross" in maps else next(iter(maps.values())))
    rows = range(len(positions))
    return np.stack(
        [row_to_scores({group: values[layer] for group, values in maps.items()}, score.encoding, rows) for layer in range(depth)]
    )


def value_zeroing_by_layer(score: Score) -> Array:
    """Value zeroing of every read token at the explained positions in each layer alone, [L, n] (the decoder's layers).

    Raises:
        UnsupportedError: The model shares one layer among all depths.
    """
    steps = zeroing_steps(distances(score))
    rows = [steps.encoder + position for position in score.read_positions()]
    return np.stack([influence_scores(layer[rows], score.encoding, steps.encoder) for layer in steps.layers[steps.encoder_steps :]])


def gradient_x_activation(score: Score) -> Mapping[str, Array]:
    """Each token's state after each layer times the score's gradient there, summed over dimensions: stack -> [L + 1, n].

    In units of the score. Row 0 is at the embedding layer, where it is gradient x input, or, for a decoder that is given no prefix, at
    the entry of its first layer. Where a task runs the decoder several times, the first counts.

    Raises:
        UnsupportedError: The model shares one layer among all depths.
    """
    require_blocks(score.model, "Gradient x activation by layer")
    embeddings = score.embeddings().requires_grad_()
    recording = Recording()
    with torch.enable_grad(), score.model.instruments.layers(recording):
        value = score.of_embeddings(embeddings)[0]
    length = score.encoding.input_length
    stacks = list(dict.fromkeys(stack for stack, _ in recording.inputs))
    leaves: dict[str, list[torch.Tensor]] = {stack: recording.each(stack) for stack in stacks}
    flat = [embeddings, *(leaf for stack in stacks for leaf in leaves[stack])]
    gradients = iter(torch.autograd.grad(value, flat, allow_unused=True))
    at_embeddings = _flow(embeddings, next(gradients))
    found = {}
    for number, stack in enumerate(stacks):
        rows = [_flow(leaf, next(gradients)) for leaf in leaves[stack]]
        if number == 0:
            rows[0] = at_embeddings[:length]
        elif score.encoding.has_prefix:
            rows[0] = at_embeddings[length:]
        found[stack] = np.stack(rows)
    return found


def _flow(leaf: torch.Tensor, gradient: torch.Tensor | None) -> Array:
    if gradient is None:
        return np.zeros(leaf.shape[1])
    return np.asarray((leaf.detach()[0].double() * gradient[0].double()).sum(-1).cpu())
