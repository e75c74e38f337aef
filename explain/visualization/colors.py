"""One palette for every view: orange pushes towards the target, blue away from it, violet is weight without a direction."""

from __future__ import annotations

from enum import StrEnum

TOWARDS = "#d95f02"
AWAY = "#1f6fb5"
WEIGHT = "#7b3fa0"
NEUTRAL = "#f7f7f5"
TEXT = "#8a8f98"

LEVELS = 5


class Scale(StrEnum):
    """What the strongest colour stands for."""

    PER_METHOD = "per method"
    SHARED = "shared"


def _mix(color: str, share: float, ground: str = NEUTRAL) -> str:
    parts = (round(int(color[i : i + 2], 16) * share + int(ground[i : i + 2], 16) * (1 - share)) for i in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in parts)


SIGNED_SCALE = [[0.0, AWAY], [0.25, _mix(AWAY, 0.5)], [0.5, NEUTRAL], [0.75, _mix(TOWARDS, 0.5)], [1.0, TOWARDS]]
WEIGHT_SCALE = [[0.0, NEUTRAL], [0.5, _mix(WEIGHT, 0.5)], [1.0, WEIGHT]]

_GROUND = "#a8a29e"
LEVEL_COLORS = {
    f"{name} {level}": _mix(color, level / LEVELS, _GROUND)
    for name, color in (("towards", TOWARDS), ("away", AWAY), ("weight", WEIGHT))
    for level in range(1, LEVELS + 1)
}


def level(score: float, limit: float, *, signed: bool) -> str | None:
    """The colour class of a score where `limit` is the strongest; `None` below a tenth of it."""
    share = abs(score) / limit if limit > 0 else 0.0
    if share < 0.1:
        return None
    name = "weight" if not signed else "towards" if score > 0 else "away"
    return f"{name} {min(LEVELS, max(1, round(share * LEVELS)))}"


def legend(target: str, *, signed: bool) -> str:
    """What the colours mean, in words."""
    if signed:
        return f"Orange pushes towards {target}, blue away from it."
    return "Violet is weight without a direction."
