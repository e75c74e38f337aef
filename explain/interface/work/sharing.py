"""Cards made and replayed for a visitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explain.interface.work.budget import check_passes, passes_of
from explain.interface.work.explaining import asked_of
from explain.interface.zero_gpu import on_gpu
from explain.methods.catalog import make_methods
from explain.results import Explanation
from explain.sharing.card import card, request_of
from explain.sharing.replay import Replay, replay
from explain.sharing.request import Request


@on_gpu
def make_card(request: Request, explanation: Explanation | None = None) -> dict[str, Any]:
    """The card of an explanation, which is made now if there is none."""
    methods = make_methods(request.methods, request.options)
    with asked_of(request, () if explanation else methods) as analysis:
        if explanation is None:
            check_passes(passes_of(methods, analysis))
        found = explanation or analysis.explanation([analysis.run(method) for method in methods])
        return card(found, analysis.model, request)


@on_gpu
def replay_card(values: Mapping[str, Any]) -> Replay:
    """A checked card explained again."""
    request = request_of(values)
    methods = make_methods(request.methods, request.options)
    with asked_of(request, methods) as analysis:
        check_passes(passes_of(methods, analysis))
    return replay(values)
