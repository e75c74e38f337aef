"""Templates with slots, such as "The {doctor|nurse} said that …", and their expansion into texts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from explain.errors import InputError

MOST_TEXTS = 200
SPECIAL = "{}|\\"


@dataclass(frozen=True)
class Slot:
    """A gap in a template and what can stand there."""

    fillers: tuple[str, ...]


@dataclass(frozen=True)
class Filler:
    """What stands in a slot of a filled template.

    Attributes:
        slot: Which slot (0-based).
        text: The filler.
        start: Its first character in the filled text (0-based).
        end: One past its last character.
    """

    slot: int
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Filled:
    """A template with a filler in every slot."""

    text: str
    fillers: tuple[Filler, ...]


def parse(template: str) -> tuple[str | Slot, ...]:
    r"""The pieces of a template: text as it is, and slots.

    A slot is written {first|second|…}; white space around a filler is dropped, and a filler may be empty. A backslash before a brace, a bar
    or a backslash makes it an ordinary character: \{, \}, \|, \\. Outside of slots a bar is one anyway.

    Raises:
        InputError: A brace has no partner, a slot stands in a slot, has less than two fillers, or has one twice.
    """
    pieces: list[str | Slot] = []
    text = ""
    fillers: list[str] | None = None
    opened = 0
    at = 0
    while at < len(template):
        sign = template[at]
        if sign == "\\" and template[at + 1 : at + 2] in set(SPECIAL):
            text += template[at + 1]
            at += 1
        elif sign == "{":
            if fillers is not None:
                raise InputError(f"Character {at + 1} of the template opens a slot within a slot. Write \\{{ for a brace as it is.")
            pieces.append(text)
            text, fillers, opened = "", [], at
        elif sign == "}" and fillers is None:
            raise InputError(f"Character {at + 1} of the template closes a slot that was not opened. Write \\}} for a brace as it is.")
        elif sign in "|}" and fillers is not None:
            fillers.append(text.strip())
            text = ""
            if sign == "}":
                pieces.append(_slot(fillers, template[opened : at + 1]))
                fillers = None
        else:
            text += sign
        at += 1
    if fillers is not None:
        raise InputError(
            f"The slot opened by character {opened + 1} of the template is not closed. Add }}, or write \\{{ for a brace as it is."
        )
    return (*pieces, text)


def expand(template: str, *, limit: int = MOST_TEXTS) -> tuple[Filled, ...]:
    """The template with all combinations of fillers, the last slot changing fastest; the syntax is that of `parse`.

    An empty filler between two spaces takes the second along.

    Raises:
        InputError: The template is wrong or has no slot, or there are more combinations than the limit.
    """
    pieces = parse(template)
    slots = [piece.fillers for piece in pieces if isinstance(piece, Slot)]
    if not slots:
        raise InputError(f"The template {template!r} has no slot. Write one in braces, with fillers parted by bars: {{doctor|nurse}}.")
    count = math.prod(len(fillers) for fillers in slots)
    if count > limit:
        sizes = " x ".join(str(len(fillers)) for fillers in slots)
        raise InputError(f"The template has {sizes} = {count} combinations; at most {limit} are made. Give fewer fillers.")
    return tuple(fill(pieces, chosen) for chosen in itertools.product(*slots))


def fill(pieces: Sequence[str | Slot], chosen: Sequence[str]) -> Filled:
    """The pieces of a template with one filler for each slot."""
    text = ""
    fillers: list[Filler] = []
    dropped = False
    for piece in pieces:
        if isinstance(piece, Slot):
            filler = chosen[len(fillers)]
            fillers.append(Filler(len(fillers), filler, len(text), len(text) + len(filler)))
            dropped = not filler and (not text or text[-1].isspace())
            text += filler
        else:
            text += piece[1:] if dropped and piece[:1].isspace() else piece
            dropped = False
    return Filled(text, tuple(fillers))


def _slot(fillers: Sequence[str], written: str) -> Slot:
    if len(fillers) < 2:
        raise InputError(f"The slot {written} has one filler. Give at least two, parted by bars, or write \\{{ for a brace as it is.")
    repeated = next((filler for filler in fillers if fillers.count(filler) > 1), None)
    if repeated is not None:
        raise InputError(f"The slot {written} has the filler {repeated!r} twice: give each once.")
    return Slot(tuple(fillers))
