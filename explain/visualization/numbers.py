"""Numbers as a person reads them."""

from __future__ import annotations


def percent(probability: float | None) -> str:
    """A probability with one digit after the point, and never as a certainty: `97.3 %`, `<0.1 %`, `>99.9 %`; nothing for `None`."""
    if probability is None or probability != probability:
        return ""
    tenths = round(1000 * probability)
    if tenths < 1:
        return "<0.1 %"
    return ">99.9 %" if tenths > 999 else f"{tenths / 10:.1f} %"


def signed(value: float, digits: str = ".3g") -> str:
    """A number with its sign; a dash where there is none."""
    return "–" if value != value else f"{value:+{digits}}"


def interval_text(low: float, high: float, digits: str = ".3g") -> str:
    """An interval from end to end; a dash where there is none."""
    return "–" if low != low or high != high else f"{low:+{digits}} to {high:+{digits}}"
