"""Checks of plain values that came from outside (a link, a file): what is missing or wrong is said by name."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from explain.errors import InputError


@dataclass(frozen=True)
class Kind:
    """What a value must be: in words, and as a test."""

    words: str
    holds: Callable[[Any], bool]


def _valid_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(value.isascii() or value.encode())
    except UnicodeEncodeError:
        return False


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -sys.float_info.max <= value <= sys.float_info.max


TEXT = Kind("text", _valid_text)
WHOLE = Kind("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)
NUMBER = Kind("a finite number", _number)
SWITCH = Kind("true or false", lambda value: isinstance(value, bool))
RECORD = Kind("a JSON object", lambda value: isinstance(value, Mapping))


def either(*kinds: Kind) -> Kind:
    """Any of these."""
    return Kind(" or ".join(kind.words for kind in kinds), lambda value: any(kind.holds(value) for kind in kinds))


def optional(kind: Kind) -> Kind:
    """The same, or null."""
    return Kind(f"{kind.words} or null", lambda value: value is None or kind.holds(value))


def list_of(kind: Kind) -> Kind:
    """A list, or a tuple in Python, of these."""
    return Kind(f"a list ({kind.words} each)", lambda value: isinstance(value, list | tuple) and all(map(kind.holds, value)))


def mapping_of(kind: Kind) -> Kind:
    """An object whose values are these."""
    return Kind(
        f"an object ({kind.words} for each name)",
        lambda value: isinstance(value, Mapping) and all(TEXT.holds(k) and kind.holds(v) for k, v in value.items()),
    )


OPTION = optional(either(SWITCH, NUMBER, TEXT))


def check_record(where: str, values: Any, kinds: Mapping[str, Kind], *, may_lack: Collection[str] = ()) -> Mapping[str, Any]:
    """The values themselves, if they are an object with exactly these fields.

    Args:
        where: What they are, for the message, such as "The card".
        values: What was given.
        kinds: Field name -> what it must be.
        may_lack: Fields that may be left out.

    Raises:
        InputError: A field is missing, unknown or of another kind.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"{where} must be a JSON object, got {reprlib.repr(values)}.")
    missing = next((name for name in kinds if name not in values and name not in may_lack), None)
    if missing is not None:
        raise InputError(f"{where} has no field {missing!r}. It needs {kinds[missing].words} there.")
    unknown = next((name for name in values if name not in kinds), None)
    if unknown is not None:
        raise InputError(f"{where} has an unknown field {reprlib.repr(unknown)}. Known: {', '.join(kinds)}.")
    for name, value in values.items():
        if not kinds[name].holds(value):
            raise InputError(f"{where}: field {name!r} must be {kinds[name].words}, got {reprlib.repr(value)}.")
    return values
