"""How much memory passes take, about, and how much they may; what is too large is computed again when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from explain.models.instrumented import InstrumentedModel
    from explain.types import Encoding

GIBIBYTE = 2**30
GRAPH = 2 * GIBIBYTE
"""The most that a graph may keep."""
MAPS = GIBIBYTE // 2
"""The most that the attention of one text may take, for all layers together."""
STATES = 30
"""Numbers that a layer keeps for a gradient, for each of a token's state: 17 were counted for BERT, 20 for Llama, 30 for GPT-2."""
WEIGHTS = 5
"""Tensors of the shape of attention weights that are in hand at once where attention is written out."""
WRITTEN = 3500
"""How often a processor could multiply and add while it writes a weight of attention out and reads it again, as measured."""
CALLS = 5 * 10**7
"""The same while it does nothing in a layer but call its operations."""
TOKENS = 768
"""Tokens at once on a processor: more take as long each."""
TOKENS_OF_ACCELERATOR = 16_384


def rows_at_once(model: InstrumentedModel, length: int) -> int:
    """How many rows of a length go through the model at once: a bounded number of tokens, and of bytes on an accelerator."""
    if model.device.type == "cpu":
        return max(1, TOKENS // max(1, length))
    return max(1, min(TOKENS_OF_ACCELERATOR // max(1, length), _free(model.device) // 4 // max(1, layer_bytes(model, length))))


def layer_bytes(model: InstrumentedModel, length: int) -> int:
    """What one layer has in hand for one row, with its attention written out."""
    _, width, heads, size = _sizes(model)
    return length * size * (STATES * width + WEIGHTS * heads * length)


def graph_bytes(model: InstrumentedModel, rows: int, length: int, *, written_out: bool = False) -> int:
    """What the graph of rows of a length keeps, with its attention `written_out` or as one operation."""
    layers, width, heads, size = _sizes(model)
    return rows * length * size * layers * (STATES * width + WEIGHTS * heads * length * written_out)


def keeps_graph(model: InstrumentedModel, rows: int, length: int, *, written_out: bool = False) -> bool:
    """Whether the graph of rows of a length is small enough to be kept; else layers are computed again for their gradient."""
    return graph_bytes(model, rows, length, written_out=written_out) <= GRAPH


def passes_again(model: InstrumentedModel, length: int, *, written_out: bool = False) -> int:
    """How many forward passes a gradient takes besides its own, where layers are computed again."""
    return int(not keeps_graph(model, 1, length, written_out=written_out))


def passes_written_out(model: InstrumentedModel, length: int) -> float:
    """What it takes to write the attention of all layers of one text out, in forward passes: much in a long text."""
    _, width, heads, _ = _sizes(model)
    return heads * length**2 * WRITTEN / (length * (24 * width**2 + 4 * width * length) + CALLS)


def attention_bytes(model: InstrumentedModel, length: int) -> int:
    """The attention of all layers of one text."""
    _, _, heads, size = _sizes(model)
    return sum(model.attention_groups.values()) * heads * length**2 * size


def keeps_attention(model: InstrumentedModel, encoding: Encoding) -> bool:
    """Whether the attention of a text is small enough to be kept."""
    return attention_bytes(model, len(encoding.tokens)) <= MAPS


def _sizes(model: InstrumentedModel) -> tuple[int, int, int, int]:
    """Layers, numbers of a state, heads, and bytes of a number, by names that nearly all configurations share."""
    config = model.model.config
    layers, width, heads = (int(getattr(config, name, 0) or 0) for name in ("num_hidden_layers", "hidden_size", "num_attention_heads"))
    if not width:
        width = model.embed({"input_ids": torch.zeros(1, 1, dtype=torch.long)}).shape[-1]
    return max(sum(model.attention_groups.values()), layers, 1), width, max(heads, 1), model.model.dtype.itemsize


def in_gibibytes(size: int) -> str:
    """How a person reads a size."""
    return f"{size / GIBIBYTE:,.1f} GiB"


def _free(device: torch.device) -> int:
    if device.type == "cuda":  # what torch holds for tensors to come is free too
        return int(torch.cuda.mem_get_info(device)[0]) + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return 16 * GIBIBYTE
