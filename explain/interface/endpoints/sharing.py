"""The endpoints for explanation cards: make one, replay one."""

from __future__ import annotations

from typing import Any

from explain.interface.endpoints.evaluation import Options, request_of
from explain.interface.work.sharing import carded, replayed
from explain.sharing.card import check


def card(
    text: str,
    task: str = "classification",
    model: str | None = None,
    methods: list[str] | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    position: int | None = None,
    step: int | None = None,
    options: Options | None = None,
) -> dict[str, Any]:
    """An explanation with all that decides its numbers: model and weights, question, options, seeds, versions. `/replay` repeats it."""
    request = request_of(task, [text], model, methods, target, foil, unit, options, position, step)
    return carded(request)


def replay(card: dict[str, Any]) -> dict[str, Any]:
    """Explain a card again and compare every number with it."""
    result = replayed(check(card))
    return {
        "equal": result.equal,
        "tolerance": result.tolerance,
        "differences": [vars(difference) for difference in result.differences],
        "mismatches": list(result.mismatches),
        "warnings": list(result.warnings),
    }
