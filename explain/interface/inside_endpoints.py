"""The endpoints that look inside a model: raw arrays of attention, of heads and layers off, and layer by layer."""

from __future__ import annotations

from typing import Any

from explain.attention.ablation import Ablation
from explain.attention.report import ablation_over_texts, ablation_report, layer_report, received
from explain.attention.weights import AttentionWeights
from explain.errors import InputError
from explain.explainer import TokenExplainer
from explain.interface.comparison_endpoints import request_of
from explain.interface.serving import asked
from explain.request import Request

MOST_TEXTS = 100


def attention(text: str, task: str = "classification", model: str | None = None, position: int | None = None) -> dict[str, Any]:
    """All attention weights, group -> [layers][heads][queries][keys], the positions that are explained, and what every key receives."""
    with asked(_request(task, text, model, position=position)) as analysis:
        found = analysis.single().run(AttentionWeights())
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
    with asked(_request(task, text, model, target, foil, unit, position, step)) as analysis:
        return ablation_report(analysis.model, analysis.single().questions[0], _ablation(off)).to_dict()


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
    with asked(_request(task, text, model, target, foil, unit, position, step)) as analysis:
        question = analysis.single().questions[0]
        tokens = [token.label for token in question.encoding.tokens]
        return {"tokens": tokens, **layer_report(analysis.model, question).to_dict()}


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
    request = _request(task, texts[0], model, target, foil, unit)
    with TokenExplainer.from_pretrained(request.model, task=task) as explainer:
        questions = [explainer.ask(text, target=target, foil=foil, unit=unit).single().questions[0] for text in texts]
        return ablation_over_texts(explainer.model, questions, _ablation(off), seed=seed).to_dict()


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
