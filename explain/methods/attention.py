"""Attention weights: what the explained position attends to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explain.errors import InputError
from explain.methods.method import Method, MethodResult
from explain.methods.option import option
from explain.models.score import Score
from explain.types import Array, Encoding, Family


@dataclass(frozen=True)
class AttentionWeights(Method):
    """Attention from the explained position to every token, averaged over layers and heads or of one layer or head.

    The explained position is the mask, the last token, the decoder's position, or the positions that a classification head reads
    ([CLS], the last token; averaged if several). Input tokens of an encoder-decoder get the cross-attention, its output prefix the
    decoder's self-attention: each of the two sums to 1. `maps` holds all weights: group -> [layers, heads, queries, keys]; of a text whose
    weights would take more than half a GiB it is empty, and only those from the explained positions are ever at hand.

    Raises:
        InputError: The layer or head does not exist.
        UnsupportedError: The model hides its attention.
    """

    name = "attention"
    title = "Attention"
    summary = "How much the explained position attends to each token."
    caution = "Does not know the target: it is the same for every answer. Attention is where the model looks, not why it answers."
    reference = "Vaswani et al. 2017, arXiv:1706.03762; Jain & Wallace 2019, arXiv:1902.10186"
    family = Family.INTERNAL
    signed = False
    target_blind = True
    needs_attention = True
    reads_trace = True

    layer: int | None = option(None, "One layer (from 0) instead of the average over all.", minimum=0)
    head: int | None = option(None, "One head (from 0) instead of the average over all.", minimum=0)

    def compute(self, score: Score) -> MethodResult:
        trace, positions = score.trace, score.read_positions()
        rows = trace.attention_from({group: positions for group in trace.groups if group != "encoder" or "cross" not in trace.groups})
        shape = next(iter(rows.values())).shape
        for name, given, size in (("layer", self.layer, shape[0]), ("head", self.head, shape[1])):
            if given is not None and given >= size:
                raise InputError(f"Attention {name} {given} does not exist: {score.model.name} has {size} (counted from 0).")
        chosen = {group: _average(values, self.layer, self.head) for group, values in rows.items()}
        scores = row_to_scores(chosen, score.encoding, range(len(positions)))
        return MethodResult(scores, positions=positions, maps=trace.attention() if trace.kept else {})


def row_to_scores(maps: dict[str, Array], encoding: Encoding, positions: Sequence[int]) -> Array:
    """Rows of influence matrices [queries, keys] at the explained positions, averaged, as one score per read token [n].

    A single stack gives its own rows; an encoder-decoder its cross rows for the input and its decoder rows for the prefix; an
    encoder without its decoder (embedding) the encoder's.
    """
    rows = list(positions)
    if "cross" not in maps:
        matrix = maps["self"] if "self" in maps else maps["encoder"]
        return np.asarray(matrix[rows].mean(0))
    over_input = maps["cross"][rows].mean(0)
    return np.concatenate([over_input, maps["decoder"][rows].mean(0)]) if encoding.has_prefix else np.asarray(over_input)


def _average(weights: Array, layer: int | None, head: int | None) -> Array:
    layers = weights.mean(0) if layer is None else weights[layer]  # [heads, q, k]
    return np.asarray(layers.mean(0) if head is None else layers[head])
