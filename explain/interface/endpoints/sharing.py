"""The endpoints for explanation cards: make one, replay one."""

from __future__ import annotations

from explain.interface.endpoints.endpoint import Answer, Endpoint, Given
from explain.interface.endpoints.parameters import COMPARED, QUESTION, parameters
from explain.interface.work.sharing import make_card, replay_card
from explain.sharing.card import check
from explain.sharing.request import LATER


def _card(given: Given) -> Answer:
    return make_card(given.request)


def _replay(given: Given) -> Answer:
    result = replay_card(check(given["card"]))
    return {
        "equal": result.equal,
        "tolerance": result.tolerance,
        "differences": [vars(difference) for difference in result.differences],
        "mismatches": list(result.mismatches),
        "warnings": list(result.warnings),
    }


ENDPOINTS = (
    Endpoint(
        "card",
        "An explanation with all that decides its numbers: model and weights, question, options, seeds, versions. `/replay` repeats it.",
        (*parameters("text", *QUESTION, "position", "step", "options", *LATER), COMPARED),
        _card,
    ),
    Endpoint("replay", "Explain a card again and compare every number with it.", parameters("card"), _replay),
)
