"""The endpoints that look inside a model: raw arrays of attention, of heads and layers off, and layer by layer."""

from __future__ import annotations

from typing import Any

from explain.errors import InputError
from explain.inside.report import received
from explain.interface.endpoints.evaluation import request_of
from explain.interface.work.inside import ablated, attended, averaged, layered
from explain.methods.head_ablation import Ablation
from explain.sharing.request import Request

MOST_TEXTS = 100


def attention(text: str, task: str = "classification", model: str | None = None, position: int | None = None) -> dict[str, Any]:
    """All attention weights, group -> [layers][heads][queries][keys], the positions that are explained, and what every key receives."""
    found = attended(_request(task, text, model, position=position))
    return {
        "tokens": [token.label for token in found.tokens],
        "target_blind": True,
        "positions": list(found.positions),
        "weights": {group: weights.tolist() for group, weights in found.maps.items()},
        "received": {group: received(weights).tolist() for group, weights in found.maps.items()},
    }


def ablation(
    text: str,
    task: str = "classification",
    model: str | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    position: int | None = None,
    step: int | None = None,
    off: str = "zero",
) -> dict[str, Any]:
    """Every head off and every layer skipped: fall of score and probability, heads ranked, and the most critical off together."""
    return ablated(_request(task, text, model, target, foil, unit, position, step), _ablation(off)).to_dict()


def layers(
    text: str,
    task: str = "classification",
    model: str | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    position: int | None = None,
    step: int | None = None,
) -> dict[str, Any]:
    """The answer read after every layer (logit lens), and every token's importance by layer."""
    report, explanation = layered(_request(task, text, model, target, foil, unit, position, step))
    return {"tokens": [token.label for token in explanation.tokens], **report.to_dict()}


def critical_heads(
    texts: list[str],
    task: str = "classification",
    model: str | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    off: str = "zero",
    seed: int = 0,
) -> dict[str, Any]:
    """The effect of every head and layer averaged over up to 100 texts, with a 95 % bootstrap interval over the texts."""
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise InputError(f"Give between 1 and {MOST_TEXTS} texts, got {len(texts)}.")
    return averaged(_request(task, texts[0], model, target, foil, unit), texts, _ablation(off), seed).to_dict()


def _ablation(name: str) -> Ablation:
    if name not in set(Ablation):
        raise InputError(f"A head that is off gives {' or '.join(Ablation)}, not {name!r}.")
    return Ablation(name)


def _request(
    task: str,
    text: str,
    model: str | None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    position: int | None = None,
    step: int | None = None,
) -> Request:
    return request_of(task, [text], model, ["attention"], target, foil, unit, None, position, step)
