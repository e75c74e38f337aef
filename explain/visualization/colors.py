"""One palette for every view: orange pushes towards the target, blue away from it, violet is weight without a direction."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

TOWARDS = "#d95f02"
AWAY = "#1f6fb5"
WEIGHT = "#7b3fa0"
NEUTRAL = "#f7f7f5"
TEXT = "#72777f"
GRID = "rgba(138,143,152,.2)"

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


def number_color(share: float, *, signed: bool) -> str:
    """Black or white, whichever is easier to read on the scale's colour at this share of the strongest, from -1 to 1.

    Its contrast is 4.5:1 or more (WCAG 2, AA).
    """
    stops = SIGNED_SCALE if signed else WEIGHT_SCALE
    place = float(np.clip((share + 1) / 2 if signed else share, 0, 1))
    even = np.linspace(0, 1, len(stops))
    parts = [np.interp(place, even, [int(str(color)[i : i + 2], 16) / 255 for _, color in stops]) for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


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
