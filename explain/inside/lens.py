"""The logit lens: what the model would answer after each layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from explain.methods.layer_ablation import require_blocks
from explain.models.score import Score
from explain.types import Array, Unit


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


def lens(score: Score) -> Lens:
    """Read the state after each layer with the model's own final norm and head, as rows of one batch.

    Encoder-decoders are read along the decoder. States below the top were never trained to be read so; the lens shows when an answer
    takes shape, not what a layer "thinks" (nostalgebraist, 2020; Belrose et al., 2023, arXiv:2303.08112).

    Raises:
        UnsupportedError: The model shares one layer among all depths.
    """
    require_blocks(score.model, "The lens")
    layers = score.trace.layers
    stack = list(layers.inputs)[-1][0]
    rows = layers.states(stack).shape[0]
    with torch.no_grad(), score.trace.resumed(stack, rows - 2, rows, lambda call: layers.states(stack, call)):
        logits = score.logits_of_rows(*score.encoding.batch(rows))  # [L + 1, C]
    columns = [np.asarray(score.in_unit(logits, unit).double().cpu()) for unit in (Unit.LOGIT, Unit.LOG_PROBABILITY, Unit.PROBABILITY)]
    if score.target.probability is None:
        columns[1:] = [np.full(rows, np.nan), np.full(rows, np.nan)]
    best = tuple(logits.argmax(-1).tolist())
    return Lens(stack, columns[0], columns[1], columns[2], best, tuple(map(score.candidate_text, best)))
