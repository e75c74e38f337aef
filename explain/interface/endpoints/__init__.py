"""The named endpoints: plain JSON in, plain JSON with raw numbers out."""

from __future__ import annotations

import gradio as gr

from explain.interface.endpoints import dataset, evaluation, explaining, health, inside, prompts, sharing
from explain.interface.endpoints.endpoint import Endpoint
from explain.interface.serving import LANES, guarded


def endpoints() -> tuple[Endpoint, ...]:
    """All that ask a model, by what is known now: a task or method that was added has its place."""
    return (
        *explaining.task_endpoints(),
        *inside.ENDPOINTS,
        *evaluation.ENDPOINTS,
        *prompts.ENDPOINTS,
        *dataset.ENDPOINTS,
        *sharing.ENDPOINTS,
    )


def build() -> None:
    """Register the endpoints in the current Blocks."""
    for endpoint in endpoints():
        gr.api(guarded(endpoint.function, page=False), api_name=endpoint.name, **LANES)
    for light in (explaining.CATALOG, health.HEALTH):
        gr.api(guarded(light.function, page=False), api_name=light.name, queue=False)
