"""One palette for every view: orange pushes towards the target, blue away from it, violet is weight without a direction."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

TOWARDS = "#d95f02"
AWAY = "#1f6fb5"
WEIGHT = "#7b3fa0"
NEUTRAL = "#f7f7f5"
TEXT = "#72777f"
INK = "#1b1b1b"
MARK = "#c2185b"
GRID = "rgba(138,143,152,.2)"

LEVELS = 5


class Scale(StrEnum):
    """What the strongest colour stands for."""

    PER_METHOD = "per method"
    SHARED = "shared"


def _mix(color: str, share: float) -> str:
    parts = (round(int(color[i : i + 2], 16) * share + int(NEUTRAL[i : i + 2], 16) * (1 - share)) for i in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in parts)


SIGNED_SCALE = [[0.0, AWAY], [0.25, _mix(AWAY, 0.5)], [0.5, NEUTRAL], [0.75, _mix(TOWARDS, 0.5)], [1.0, TOWARDS]]
WEIGHT_SCALE = [[0.0, NEUTRAL], [0.5, _mix(WEIGHT, 0.5)], [1.0, WEIGHT]]


def color_at(share: float, *, signed: bool) -> str:
    """The scale's colour at a share of the strongest, from -1 to 1; what is beyond has the colour of the end."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in _parts(share, signed=signed))


def number_color(share: float, *, signed: bool) -> str:
    """Black or white, whichever is easier to read on the scale's colour at this share of the strongest, from -1 to 1.

    Its contrast is 4.5:1 or more (WCAG 2, AA).
    """
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(share, signed=signed)]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def color_of(score: float, limit: float, *, signed: bool) -> str:
    """The scale's colour of a score where `limit` is the strongest."""
    return color_at(score / limit if limit > 0 else 0.0, signed=signed)


def ink_of(score: float, limit: float, *, signed: bool) -> str:
    """Black or white, whichever is easier to read on `color_of` the same."""
    return number_color(score / limit if limit > 0 else 0.0, signed=signed)


def _parts(share: float, *, signed: bool) -> list[float]:
    """Red, green and blue, from 0 to 1, between the stops of the scale."""
    stops = SIGNED_SCALE if signed else WEIGHT_SCALE
    place = float(np.clip((share + 1) / 2 if signed else share, 0, 1))
    even = np.linspace(0, 1, len(stops))
    return [float(np.interp(place, even, [int(str(color)[i : i + 2], 16) / 255 for _, color in stops])) for i in (1, 3, 5)]


_SHARES = {
    f"{name} {level}": (sign * level / LEVELS, signed)
    for name, sign, signed in (("towards", 1, True), ("away", -1, True), ("weight", 1, False))
    for level in range(1, LEVELS + 1)
}
LEVEL_COLORS = {name: color_at(share, signed=signed) for name, (share, signed) in _SHARES.items()}
"""Colour class of a token -> its colour on the scale of all views."""
LEVEL_INKS = {name: number_color(share, signed=signed) for name, (share, signed) in _SHARES.items()}
"""Colour class of a token -> what its text is written in."""


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
