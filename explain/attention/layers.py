"""Layer by layer: what the model would answer after each, and which tokens matter in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from explain.attention.answers import BaseRun, base_run, logits_of_rows, resumed
from explain.attention.layer_skipping import require_blocks
from explain.attention.rollout import influence_scores
from explain.attention.value_zeroing import distances, zeroing_steps
from explain.attention.weights import row_to_scores
from explain.models.explained_model import ExplainedModel
from explain.models.passes import Recording
from explain.models.score import in_unit
from explain.types import Array, Question, Unit


@dataclass(frozen=True)
class Lens:
    """The model's answer read after each layer, [L + 1] each; entry 0 is before the first layer.

    Attributes:
        stack: Which stack of layers.
        logits: Of the target.
        log_probabilities: Of the target; NaN where the model gives no probability.
        probabilities: Of the target; NaN where the model gives none.
        candidates: Index of the most probable candidate.
        texts: How a person reads that candidate.
    """

    stack: str
    logits: Array
    log_probabilities: Array
    probabilities: Array
    candidates: tuple[int, ...]
    texts: tuple[str, ...]


def lens(model: ExplainedModel, question: Question, *, base: BaseRun | None = None) -> Lens:
    """Read the state after each layer with the model's own final norm and head, as rows of one batch.

    Encoder-decoders are read along the decoder. States below the top were never trained to be read so; the lens shows when an answer
    takes shape, not what a layer "thinks" (nostalgebraist, 2020; Belrose et al., 2023, arXiv:2303.08112).

    Raises:
        UnsupportedError: The model shares one layer among all depths.
    """
    require_blocks(model, "The lens")
    base = base_run(model, question) if base is None else base
    stack = list(base.layers.inputs)[-1][0]
    rows = base.layers.states(stack).shape[0]
    with resumed(model, base, stack, rows - 2, rows, lambda call: base.layers.states(stack, call)):
        logits = logits_of_rows(model, question, rows)  # [L + 1, C]
    columns = [_column(model, logits, unit, question.target.index) for unit in (Unit.LOGIT, Unit.LOG_PROBABILITY, Unit.PROBABILITY)]
    if question.target.probability is None:
        columns[1:] = [np.full(rows, np.nan), np.full(rows, np.nan)]
    best = tuple(logits.argmax(-1).tolist())
    return Lens(stack, columns[0], columns[1], columns[2], best, tuple(model.task.candidate_text(model, index) for index in best))


def _column(model: ExplainedModel, logits: torch.Tensor, unit: Unit, index: int) -> Array:
    return np.asarray(in_unit(logits, unit, independent=model.independent_labels)[:, index].double().cpu())


def attention_by_layer(model: ExplainedModel, question: Question, *, base: BaseRun | None = None) -> Array:
    """Attention from the explained positions to every read token, averaged over heads, [L, n] (the decoder's layers)."""
    base = base_run(model, question) if base is None else base
    positions = model.read_positions(question)
    maps = {
        group: np.stack([base.weights[site][0].double().cpu().numpy().mean(0) for site in sites]) for group, sites in base.sites.items()
    }
    depth = len(maps["cross"] if "cross" in maps else next(iter(maps.values())))
    chosen = {group: values for group, values in maps.items() if "cross" not in maps or group != "encoder"}
    return np.stack(
        [row_to_scores({group: values[layer] for group, values in chosen.items()}, question.encoding, positions) for layer in range(depth)]
    )


def value_zeroing_by_layer(model: ExplainedModel, question: Question, *, base: BaseRun | None = None) -> Array:
    """Value zeroing of every read token at the explained positions in each layer alone, [L, n] (the decoder's layers).

    Raises:
        UnsupportedError: The model shares one layer among all depths.
    """
    steps = zeroing_steps(distances(model, question, base=base))
    rows = [steps.encoder + position for position in model.read_positions(question)]
    return np.stack([influence_scores(layer[rows], question.encoding, steps.encoder) for layer in steps.layers[steps.encoder_steps :]])


def gradient_x_activation(model: ExplainedModel, question: Question) -> Mapping[str, Array]:
    """Each token's state after each layer times the score's gradient there, summed over dimensions: stack -> [L + 1, n].

    In units of the score. Row 0 is at the embedding layer, where it is gradient x input, or, for a decoder that is given no prefix, at
    the entry of its first layer. Where a task runs the decoder several times, the first counts.

    Raises:
        UnsupportedError: The model shares one layer among all depths.
    """
    require_blocks(model, "Gradient x activation by layer")
    score = model.score(question)
    embeddings = score.embeddings().requires_grad_()
    recording = Recording()
    with torch.enable_grad(), model.instruments.layers(recording):
        value = score.of_embeddings(embeddings)[0]
    length = question.encoding.input_length
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
        elif question.encoding.has_prefix:
            rows[0] = at_embeddings[length:]
        found[stack] = np.stack(rows)
    return found


def _flow(leaf: torch.Tensor, gradient: torch.Tensor | None) -> Array:
    if gradient is None:
        return np.zeros(leaf.shape[1])
    return np.asarray((leaf.detach()[0].double() * gradient[0].double()).sum(-1).cpu())
