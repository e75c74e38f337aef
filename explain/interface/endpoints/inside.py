"""The endpoints that look inside a model: raw arrays of attention, of heads and layers off, and layer by layer."""

from __future__ import annotations

from explain.inside.report import received
from explain.interface.endpoints.endpoint import Answer, Endpoint, Given
from explain.interface.endpoints.parameters import parameters
from explain.interface.work.inside import ablate, ablate_over_texts, read_attention, read_layers
from explain.methods.head_ablation import Ablation


def _attention(given: Given) -> Answer:
    found = read_attention(given.request)
    return {
        "tokens": [token.label for token in found.tokens],
        "target_blind": True,
        "positions": list(found.positions),
        "weights": {group: weights.tolist() for group, weights in found.maps.items()},
        "received": {group: received(weights).tolist() for group, weights in found.maps.items()},
    }


def _ablation(given: Given) -> Answer:
    return ablate(given.request, Ablation(given["off"])).to_dict()


def _layers(given: Given) -> Answer:
    report, explanation = read_layers(given.request)
    return {"tokens": [token.label for token in explanation.tokens], **report.to_dict()}


def _critical_heads(given: Given) -> Answer:
    return ablate_over_texts(given.request, given["texts"], Ablation(given["off"]), given["seed"]).to_dict()


ENDPOINTS = (
    Endpoint(
        "attention",
        "All attention weights, group -> [layers][heads][queries][keys], the positions that are explained, and what every key receives.",
        parameters("text", "task", "model", "position"),
        _attention,
    ),
    Endpoint(
        "ablation",
        "Every head off and every layer skipped: fall of score and probability, heads ranked, and the most critical off together.",
        parameters("text", "task", "model", "target", "foil", "unit", "position", "step", "off"),
        _ablation,
    ),
    Endpoint(
        "layers",
        "The answer read after every layer (logit lens), and every token's importance by layer.",
        parameters("text", "task", "model", "target", "foil", "unit", "position", "step"),
        _layers,
    ),
    Endpoint(
        "critical_heads",
        "The effect of every head and layer averaged over texts, with a 95 % bootstrap interval over the texts.",
        parameters("texts", "task", "model", "target", "foil", "unit", "off", "seed"),
        _critical_heads,
    ),
)
