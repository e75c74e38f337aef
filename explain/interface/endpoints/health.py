"""The endpoint that tells whether the server is well."""

from __future__ import annotations

import time

from explain import __version__
from explain.interface.endpoints.endpoint import Answer, Endpoint, Given
from explain.interface.limits import limits
from explain.interface.serving import TURNS, Run
from explain.models.loading import CACHE

BEGAN = time.monotonic()


def _health(given: Given) -> Answer:
    return {
        "status": "ok",
        "version": __version__,
        "uptime": round(time.monotonic() - BEGAN, 1),
        "models": len(CACHE),
        "running": sum(run.record.name != "health" for run in list(Run.running.values())),
        "waiting_for_a_turn": TURNS.waiting,
        "lanes": limits().lanes,
    }


HEALTH = Endpoint(
    "health",
    "Version, seconds since the start, models in memory, requests that run, those of them that wait for their turn, and how many may run.",
    (),
    _health,
)
