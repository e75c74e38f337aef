"""The named endpoints for gradio_client: plain JSON in, plain JSON with raw numbers out."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explain.defaults import DEFAULT_METHODS
from explain.interface import card_endpoints, comparison_endpoints, inside_endpoints, prompt_endpoints
from explain.interface.serving import MODEL_QUEUE, guarded
from explain.interface.work.explaining import explain_steps
from explain.methods.catalog import METHODS
from explain.models.catalog import models_for
from explain.models.tasks import TASKS
from explain.sharing.request import Request


def _explained(request: Request, maps: bool) -> dict[str, Any]:
    for progress in explain_steps(request):
        last = progress
    return last.explanation.to_dict(maps=maps)


def _methods(given: list[str] | None) -> list[str]:
    return list(DEFAULT_METHODS) if given is None else given


def classification(
    text: str,
    model: str = "bert-mini",
    methods: list[str] | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    options: dict[str, dict[str, Any]] | None = None,
    maps: bool = False,
) -> dict[str, Any]:
    """Explain a text classification: which tokens made the model give this label (rather than the foil)?"""
    return _explained(Request("classification", text, model, _methods(methods), target, foil, unit, options=options or {}), maps)


def masked_lm(
    text: str,
    model: str = "bert-mini",
    methods: list[str] | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    position: int | None = None,
    options: dict[str, dict[str, Any]] | None = None,
    maps: bool = False,
) -> dict[str, Any]:
    """Explain a masked word: which tokens made the model fill the mask (number `position`, from 0) so?"""
    return _explained(Request("masked_lm", text, model, _methods(methods), target, foil, unit, position, options=options or {}), maps)


def next_token(
    text: str,
    model: str = "gpt2-mini",
    methods: list[str] | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    options: dict[str, dict[str, Any]] | None = None,
    maps: bool = False,
) -> dict[str, Any]:
    """Explain the token after the text: the model's own or `target`, rather than `foil`."""
    return _explained(Request("next_token", text, model, _methods(methods), target, foil, unit, options=options or {}), maps)


def span_infilling(
    text: str,
    model: str = "t5-mini",
    methods: list[str] | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    position: int | None = None,
    step: int | None = None,
    options: dict[str, dict[str, Any]] | None = None,
    maps: bool = False,
) -> dict[str, Any]:
    """Explain the span that fills blank number `position` (from 0): the model's own or `target`; one token of it with `step`."""
    return _explained(Request("span_infilling", text, model, _methods(methods), target, foil, unit, position, step, options or {}), maps)


def generation(
    text: str,
    model: str = "gpt2-mini",
    methods: list[str] | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    step: int | None = None,
    options: dict[str, dict[str, Any]] | None = None,
    maps: bool = False,
) -> dict[str, Any]:
    """Explain every token of the model's own output, or of `target`, against the input and the output before it."""
    return _explained(Request("generation", text, model, _methods(methods), target, foil, unit, None, step, options or {}), maps)


def embedding(
    text: str,
    model: str = "bert-mini",
    methods: list[str] | None = None,
    options: dict[str, dict[str, Any]] | None = None,
    maps: bool = False,
) -> dict[str, Any]:
    """Explain a text's pooled vector: which tokens give it its direction?"""
    return _explained(Request("embedding", text, model, _methods(methods), options=options or {}), maps)


def catalog() -> dict[str, Any]:
    """Tasks with their units and models, and methods with their options."""
    return {
        "tasks": {
            name: {
                "title": task.title,
                "units": [unit.value for unit in task.units],
                "models": [{"name": entry.name, "bundled": entry.bundled} for entry in models_for(name)],
            }
            for name, task in TASKS.items()
        },
        "methods": [method.describe() for method in METHODS],
        "default_methods": list(DEFAULT_METHODS),
    }


def build() -> None:
    """Register the endpoints in the current Blocks."""
    explained = (classification, masked_lm, next_token, span_infilling, generation, embedding)
    inside = (inside_endpoints.attention, inside_endpoints.ablation, inside_endpoints.layers, inside_endpoints.critical_heads)
    compared = (
        comparison_endpoints.agreement,
        comparison_endpoints.faithfulness,
        comparison_endpoints.randomisation,
        comparison_endpoints.scorecard,
    )
    kept = (card_endpoints.card, card_endpoints.replay)
    prompts = (prompt_endpoints.compare_prompts, prompt_endpoints.keywords, prompt_endpoints.template)
    for function in (*explained, *inside, *compared, *prompts, *kept):
        gr.api(guarded(function, page=False), api_name=function.__name__, concurrency_id=MODEL_QUEUE, concurrency_limit=1)
    gr.api(guarded(catalog, page=False), api_name="catalog", queue=False)
