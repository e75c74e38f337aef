"""Cards made and replayed for a visitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explain.interface.work.explaining import asked
from explain.interface.zero_gpu import on_gpu
from explain.methods.catalog import make_methods
from explain.results import Explanation
from explain.sharing.card import card
from explain.sharing.replay import Replay, replay
from explain.sharing.request import Request


@on_gpu
def carded(request: Request, explanation: Explanation | None = None) -> dict[str, Any]:
    """The card of an explanation, which is made now if there is none."""
    chosen = make_methods(request.methods, request.options)
    with asked(request) as analysis:
        found = explanation or analysis.explanation([analysis.run(method) for method in chosen])
        return card(found, analysis.model, request)


@on_gpu
def replayed(values: Mapping[str, Any]) -> Replay:
    """A checked card explained again."""
    return replay(values)
