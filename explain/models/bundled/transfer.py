"""A trained BERT encoder rewritten as pre-norm layers, from which T5's and GPT-2's can start.

BERT normalises after every residual sum, x_k = norm_k(x_{k-1} + f_k(x_{k-1})); T5 and GPT-2 keep the sum u and normalise what a sublayer
reads. With u_k = d_k * (what norm_k reads), channel by channel, both say the same if d_{k+1} = d_k * s_k / g_k, where g_k is norm_k's
weight and s_k the standard deviation that it divides by. That differs from token to token; its median over some text is taken, and d_k is
kept within a factor of its median over the channels: not exact, but a far better start than random weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from training import pad
from transformers import BertModel, PreTrainedTokenizerBase

LIMIT = 1.5
POSITIONS = 24


@dataclass(frozen=True)
class Affine:
    """weight @ x + bias."""

    weight: torch.Tensor
    bias: torch.Tensor

    def after(self, gain: torch.Tensor, shift: torch.Tensor) -> Affine:
        """The map that reads x where this one reads gain * x + shift."""
        return Affine(self.weight * gain, self.bias + self.weight @ shift)

    def rows(self, order: torch.Tensor) -> Affine:
        return Affine(self.weight[order], self.bias[order])


@dataclass(frozen=True)
class Layer:
    """One pre-norm layer; every map reads the sum divided by its root mean square, the last ones add to the sum.

    Attributes:
        sizes: The usual root mean square of the sum before attention and before the feed-forward.
    """

    query: Affine
    key: Affine
    value: Affine
    attended: Affine
    inner: Affine
    outer: Affine
    sizes: tuple[float, float]


@dataclass(frozen=True)
class PreNorm:
    """Layers, with what the embeddings are multiplied by, and gain and shift from the normalised sum after each layer to BERT's output."""

    start: float
    layers: tuple[Layer, ...]
    gains: tuple[torch.Tensor, ...]
    shifts: tuple[torch.Tensor, ...]


def affine(linear: torch.nn.Linear) -> Affine:
    return Affine(linear.weight.detach().clone(), linear.bias.detach().clone())


def norms(encoder: BertModel) -> list[torch.nn.LayerNorm]:
    return [
        encoder.embeddings.LayerNorm,
        *(n for layer in encoder.encoder.layer for n in (layer.attention.output.LayerNorm, layer.output.LayerNorm)),
    ]


@torch.no_grad()
def pre_norm(encoder: BertModel, sequences: Sequence[Sequence[int]], padding: int, heads: torch.Tensor | None = None) -> PreNorm:
    """The layers, measured on `sequences`, which should look like what they will read; with heads in the order `heads[layer]`."""
    ids = pad(sequences, padding)
    present = ids != padding
    read: list[torch.Tensor] = []
    handles = [norm.register_forward_hook(lambda _, given, __: read.append(given[0][present])) for norm in norms(encoder)]
    encoder.eval()(ids, present)
    for handle in handles:
        handle.remove()

    scale = torch.full_like(norms(encoder)[0].weight, 1 / float(read[0].std(-1).median()))
    start = float(scale[0])
    scales, gains, sizes = [], [], []
    for sums, norm in zip(read, norms(encoder), strict=True):
        deviation = float(sums.std(-1).median())
        sizes.append(float((sums * scale).square().mean(-1).sqrt().median()))
        gains.append((norm.weight * sizes[-1] / (deviation * scale), norm.bias))
        following = scale * deviation / norm.weight
        middle = float(following.median())
        scale = following.clamp(middle / LIMIT, middle * LIMIT)
        scales.append(scale)

    def added(linear: torch.nn.Linear, place: int, columns: torch.Tensor | None = None) -> Affine:
        """The output of sublayer `place` and the shift before it, which BERT's residual sum carries, in the scale of the sum."""
        weight = linear.weight if columns is None else linear.weight[:, columns]
        return Affine(scales[place][:, None] * weight, scales[place] * (linear.bias + gains[place][1]))

    layers = []
    width = encoder.config.hidden_size // encoder.config.num_attention_heads
    for number, layer in enumerate(encoder.encoder.layer):
        first, second = 2 * number, 2 * number + 1
        order = torch.arange(encoder.config.hidden_size)
        if heads is not None:
            order = order.view(-1, width)[heads[number]].flatten()
        parts = (layer.attention.self.query, layer.attention.self.key, layer.attention.self.value)
        query, key, value = (affine(part).rows(order).after(*gains[first]) for part in parts)
        attended = added(layer.attention.output.dense, first, order)
        inner = affine(layer.intermediate.dense).after(*gains[second])
        layers.append(Layer(query, key, value, attended, inner, added(layer.output.dense, second), (sizes[first], sizes[second])))
    return PreNorm(start, tuple(layers), tuple(g.clone() for g, _ in gains[2::2]), tuple(b.clone() for _, b in gains[2::2]))


@torch.no_grad()
def distance_bias(
    encoder: BertModel, sequences: Sequence[Sequence[int]], padding: int, bucket: Callable[[torch.Tensor], torch.Tensor], buckets: int
) -> torch.Tensor:
    """How much position embeddings add to the attention scores, on average, by layer, head and bucket of the distance."""
    blind = copy.deepcopy(encoder)
    blind.embeddings.position_embeddings.weight.copy_(mean_position(encoder).expand_as(blind.embeddings.position_embeddings.weight))
    ids = pad(sequences, padding)
    present = ids != padding
    places = torch.arange(ids.shape[1])
    chosen = bucket(places[None, :] - places[:, None])
    pairs = (present[:, None, :] & present[:, :, None]) & (places > 0)[None, :, None] & (places > 0)[None, None, :]
    index = chosen.expand(len(ids), -1, -1)[pairs]
    counts = torch.bincount(index, minlength=buckets).clamp(min=1)
    means = [
        torch.stack(
            [
                torch.stack([torch.bincount(index, head[pairs], buckets) / counts for head in layer.unbind(1)])
                for layer in scores(model, ids, present)
            ]
        )
        for model in (encoder, blind)
    ]
    return means[0] - means[1]


def scores(encoder: BertModel, ids: torch.Tensor, present: torch.Tensor) -> list[torch.Tensor]:
    """Attention scores of every layer, [batch, head, query, key]."""
    found: list[torch.Tensor] = []
    parts = [part for layer in encoder.encoder.layer for part in (layer.attention.self.query, layer.attention.self.key)]
    handles = [part.register_forward_hook(lambda _, __, out: found.append(out)) for part in parts]
    encoder.eval()(ids, present)
    for handle in handles:
        handle.remove()
    count = encoder.config.num_attention_heads
    split = [part.unflatten(-1, (count, -1)).transpose(1, 2) for part in found]
    return [query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 for query, key in zip(split[::2], split[1::2], strict=True)]


def mean_position(encoder: BertModel) -> torch.Tensor:
    positions: torch.Tensor = encoder.embeddings.position_embeddings.weight
    return positions[1:POSITIONS].detach().mean(0)


def aligned(biases: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Heads of all layers put in one order, so that those in one place look at like distances, and the mean bias of each place.

    T5 adds one bias per head in all its layers.
    """
    strength = biases.flatten(1).std(-1)
    places = biases[int(strength.argmax())]
    order = torch.arange(biases.shape[1]).expand(biases.shape[:2])
    for _ in range(10):
        order = torch.stack([torch.as_tensor(linear_sum_assignment(torch.cdist(places, layer).square().numpy())[1]) for layer in biases])
        places = torch.stack([layer[chosen] for layer, chosen in zip(biases, order, strict=True)]).mean(0)
    return order, places


def embeddings(pieces: Sequence[str], encoder: BertModel, tokenizer: PreTrainedTokenizerBase, *, space: str) -> torch.Tensor:
    """BERT's embeddings of another vocabulary's pieces, in which `space` starts a word: the mean over BERT's pieces."""
    vocabulary = tokenizer.get_vocab()
    words = encoder.embeddings.word_embeddings.weight.detach()
    rows = []
    for piece in pieces:
        text = piece.removeprefix(space).lower()
        inside = f"##{text}"
        if piece.startswith(space) or inside not in vocabulary:
            ids = tokenizer(text, add_special_tokens=False)["input_ids"] or [tokenizer.unk_token_id]
        else:
            ids = [vocabulary[inside]]
        rows.append(words[ids].mean(0))
    return torch.stack(rows)
