"""From effects of heads and layers to scores of tokens: each is shared among the tokens by attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from explain.models.trace import Trace
from explain.types import Array, Encoding


def attention_shares(trace: Trace, positions: Sequence[int]) -> dict[str, Array]:
    """Attention of every head from the explained positions (averaged) to every token: group -> [L, H, keys], rows sum to 1.

    The heads of an encoder below a decoder are read from the positions that the explained one attends to: its cross-attention,
    averaged over layers and heads, says how much each counts.
    """
    groups = [group for group in trace.groups if group != "encoder" or "cross" not in trace.groups]
    shares = {group: values.mean(2) for group, values in trace.attention_from(dict.fromkeys(groups, positions)).items()}
    if "cross" in shares and "encoder" in trace.groups:
        shares["encoder"] = trace.attention_of_mixture("encoder", shares["cross"].mean((0, 1)))
    return shares


def shares_to_scores(values: Mapping[str, Array], encoding: Encoding) -> Array:
    """Values [keys] by group as one score per read token.

    Encoder and cross-attention meet in the input. The decoder's go to its prefix or, where it reads the input again, to the input; those
    of a start token that nobody wrote belong to no token.
    """
    over_input = sum((values[group] for group in ("self", "encoder", "cross") if group in values), np.zeros(1))
    if "decoder" not in values:
        return np.asarray(over_input)
    if encoding.has_prefix:
        return np.concatenate([over_input, values["decoder"]])
    if encoding.mirrored:
        over_input[: len(values["decoder"]) - 1] += values["decoder"][1:]
    return np.asarray(over_input)
