"""LRP of whole models in numpy: relevance handed down through stored activations, product by product, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from explain.methods.lrp_rules import Variant
from explain.types import Array


def _share(parts: Array, total: Array, relevance_of_total: Array) -> Array:
    """Epsilon rule with epsilon 0: parts [..., i, j] of totals [..., j] get relevance in proportion; [..., i]."""
    return (parts * (relevance_of_total / total)[..., None, :]).sum(-1)


class ByHand:
    """The relevance of one text, handed down through stored activations with numpy, product by product, in float64."""

    def __init__(self, model: Any, variant: Variant) -> None:
        self.weights = {key: value.detach().numpy() for key, value in model.state_dict().items()}
        self.config = model.config
        self.variant = variant

    def linear(self, name: str, given: Array) -> tuple[Array, Callable[[Array], Array]]:
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias", 0.0)
        out = given @ weight.T + bias
        return out, lambda r: _share(given[..., :, None] * weight.T, out, r)

    def norm(self, name: str, given: Array) -> tuple[Array, Callable[[Array], Array]]:
        """LayerNorm, or RMSNorm where there is no bias; either way a linear map once its scale is fixed."""
        size = given.shape[-1]
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
        centre = np.eye(size) if bias is None else np.eye(size) - 1 / size
        eps = self.config.rms_norm_eps if bias is None else self.config.layer_norm_eps
        scale = 1 / np.sqrt(((given @ centre) ** 2).mean(-1, keepdims=True) + eps)
        matrix = centre * weight  # [i, j]
        out = given @ matrix * scale + (0.0 if bias is None else bias)
        return out, lambda r: _share(given[..., :, None] * matrix * scale[..., None], out, r)

    def attention(self, query: Array, key: Array, value: Array, *, causal: bool) -> tuple[Array, Callable[[Array], tuple[Array, ...]]]:
        """Heads first [heads, n, d]; the uniform rule for both products, Taylor for the softmax."""
        scale = query.shape[-1] ** -0.5
        products = query[:, :, None, :] * key[:, None, :, :] * scale  # [h, i, j, d]
        scores = products.sum(-1)
        reach = np.tril(np.ones(scores.shape[1:])) if causal else np.ones(scores.shape[1:])
        exponents = np.exp(scores - scores.max(-1, keepdims=True)) * reach
        weights = exponents / exponents.sum(-1, keepdims=True)
        terms = weights[..., None] * value[:, None, :, :]  # [h, i, j, d]
        out = terms.sum(2)

        def down(r: Array) -> tuple[Array, ...]:
            flow = terms * (r / out)[:, :, None, :]
            if self.variant is Variant.CONSERVATIVE:
                return np.zeros_like(query), np.zeros_like(key), flow.sum(1)
            to_weights = flow.sum(-1) / 2
            to_scores = scores * (to_weights - weights * to_weights.sum(-1, keepdims=True))
            each = products / scores[..., None] * to_scores[..., None] / 2
            return each.sum(2), each.sum(1), flow.sum(1) / 2

        return out, down

    def heads(self, states: Array, count: int) -> Array:
        return states.reshape(len(states), count, -1).swapaxes(0, 1)


def _joined(heads: Array) -> Array:
    return heads.swapaxes(0, 1).reshape(heads.shape[1], -1)


def bert_by_hand(model: Any, ids: list[int], target: int, variant: Variant) -> tuple[float, Array, Array]:
    """Logit of BertForSequenceClassification, relevance of each word embedding, and after every layer [layers, tokens]."""
    hand = ByHand(model, variant)
    table = hand.weights
    words = table["bert.embeddings.word_embeddings.weight"][ids]
    positions = table["bert.embeddings.position_embeddings.weight"][: len(ids)]
    summed = words + positions + table["bert.embeddings.token_type_embeddings.weight"][0]
    states, from_norm = hand.norm("bert.embeddings.LayerNorm", summed)
    steps: list[Callable[[Array], Array]] = []
    for layer in range(model.config.num_hidden_layers):
        states, step = _bert_layer(hand, f"bert.encoder.layer.{layer}", states)
        steps.append(step)
    pooled, from_pooler = hand.linear("bert.pooler.dense", states[:1])
    logits, from_head = hand.linear("classifier", np.tanh(pooled))
    relevance = np.zeros_like(logits)
    relevance[0, target] = logits[0, target]
    down = np.zeros_like(states)
    down[:1] = from_pooler(from_head(relevance))
    after = []
    for step in reversed(steps):
        after.append(down.sum(-1))
        down = step(down)
    return float(logits[0, target]), (words * (from_norm(down) / summed)).sum(-1), np.stack(after[::-1])


def _bert_layer(hand: ByHand, name: str, given: Array) -> tuple[Array, Callable[[Array], Array]]:
    count = hand.config.num_attention_heads
    (query, from_query), (key, from_key), (value, from_value) = (
        hand.linear(f"{name}.attention.self.{part}", given) for part in ("query", "key", "value")
    )
    mixed, from_mixed = hand.attention(*(hand.heads(part, count) for part in (query, key, value)), causal=False)
    attended, from_attended = hand.linear(f"{name}.attention.output.dense", _joined(mixed))
    middle = given + attended
    normal, from_first_norm = hand.norm(f"{name}.attention.output.LayerNorm", middle)
    wide, from_wide = hand.linear(f"{name}.intermediate.dense", normal)
    active = functional.gelu(torch.from_numpy(wide)).numpy()
    narrow, from_narrow = hand.linear(f"{name}.output.dense", active)
    last = normal + narrow
    out, from_last_norm = hand.norm(f"{name}.output.LayerNorm", last)

    def down(r: Array) -> Array:
        r = from_last_norm(r)
        r = r * normal / last + from_wide(from_narrow(r * narrow / last))  # the activation hands on what it gets
        r = from_first_norm(r)
        to_query, to_key, to_value = from_mixed(hand.heads(from_attended(r * attended / middle), count))
        return r * given / middle + from_query(_joined(to_query)) + from_key(_joined(to_key)) + from_value(_joined(to_value))

    return out, down


def llama_by_hand(model: Any, ids: list[int], target: int, variant: Variant) -> tuple[float, Array, Array]:
    """The same for a Llama's logit after the last token: RMSNorm, rotation, shared keys and values, gated MLP, causal."""
    hand = ByHand(model, variant)
    given = states = hand.weights["model.embed_tokens.weight"][ids]
    steps: list[Callable[[Array], Array]] = []
    for layer in range(model.config.num_hidden_layers):
        states, step = _llama_layer(hand, f"model.layers.{layer}", states)
        steps.append(step)
    normal, from_norm = hand.norm("model.norm", states)
    logits, from_head = hand.linear("lm_head", normal[-1:])
    relevance = np.zeros_like(logits)
    relevance[0, target] = logits[0, target]
    down = np.zeros_like(given)
    down[-1:] = from_head(relevance)
    down = from_norm(down)
    after = []
    for step in reversed(steps):
        after.append(down.sum(-1))
        down = step(down)
    return float(logits[0, target]), down.sum(-1), np.stack(after[::-1])


def _rotation(length: int, size: int, theta: float) -> Array:
    """Matrices [n, i, j] with which `states @ matrix` are rotated by position."""
    matrices = np.zeros((length, size, size))
    half = size // 2
    for position in range(length):
        for i in range(half):
            angle = position * theta ** (-2 * i / size)
            matrices[position, i, i] = matrices[position, i + half, i + half] = np.cos(angle)
            matrices[position, i, i + half], matrices[position, i + half, i] = np.sin(angle), -np.sin(angle)
    return matrices


def _llama_layer(hand: ByHand, name: str, given: Array) -> tuple[Array, Callable[[Array], Array]]:
    config = hand.config
    count, kept = config.num_attention_heads, config.num_key_value_heads
    normal, from_first_norm = hand.norm(f"{name}.input_layernorm", given)
    (query, from_query), (key, from_key), (value, from_value) = (
        hand.linear(f"{name}.self_attn.{part}_proj", normal) for part in ("q", "k", "v")
    )
    rotation = _rotation(len(given), config.hidden_size // count, config.rope_parameters["rope_theta"])
    query, key, value = hand.heads(query, count), hand.heads(key, kept), hand.heads(value, kept)
    turned_query, turned_key = (np.einsum("hni,nij->hnj", part, rotation) for part in (query, key))
    shared_key, shared_value = (part.repeat(count // kept, axis=0) for part in (turned_key, value))
    mixed, from_mixed = hand.attention(turned_query, shared_key, shared_value, causal=True)
    attended, from_attended = hand.linear(f"{name}.self_attn.o_proj", _joined(mixed))
    middle = given + attended
    second, from_second_norm = hand.norm(f"{name}.post_attention_layernorm", middle)
    gate, from_gate = hand.linear(f"{name}.mlp.gate_proj", second)
    up, from_up = hand.linear(f"{name}.mlp.up_proj", second)
    narrow, from_narrow = hand.linear(f"{name}.mlp.down_proj", gate / (1 + np.exp(-gate)) * up)
    out = middle + narrow

    def turned_back(part: Array, turned: Array, r: Array) -> Array:
        return _joined(_share(part[..., :, None] * rotation, turned, r))

    def of_shared(r: Array) -> Array:
        return r.reshape(kept, count // kept, *r.shape[1:]).sum(1)

    def down(r: Array) -> Array:
        product = from_narrow(r * narrow / out) / 2  # half to the activation, half to the gate
        r = r * middle / out + from_second_norm(from_gate(product) + from_up(product))
        to_query, to_key, to_value = from_mixed(hand.heads(from_attended(r * attended / middle), count))
        inner = from_query(turned_back(query, turned_query, to_query)) + from_key(turned_back(key, turned_key, of_shared(to_key)))
        return r * given / middle + from_first_norm(inner + from_value(_joined(of_shared(to_value))))

    return out, down
