"""Positions in a text as it was typed, and in the text as the model reads it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from explain.errors import InputError
from explain.models.tasks.masked_lm import BLANK
from explain.models.tasks.span_infilling import SENTINEL


def position_in(typed: str, read: str, mask: str) -> Callable[[int], int]:
    """From a position in a text as it was typed to the position in the text as the model reads it.

    The two differ by a prefix of the task, or by the tokenizer's own mask or sentinels in place of blanks.
    """
    if read.endswith(typed):
        return lambda position: position + len(read) - len(typed)
    blanks = [(0, 0), *(match.span() for match in BLANK.finditer(typed)), (len(typed), len(typed))]
    literals = [(before, after) for (_, before), (after, _) in itertools.pairwise(blanks)]
    blank = rf"(?:{re.escape(mask)}|{SENTINEL.pattern})"
    match = re.fullmatch(blank.join(f"({re.escape(typed[start:end])})" for start, end in literals), read)
    if match is None:
        raise InputError(f"The model reads {read!r} for {typed!r}, in which the filler cannot be found.")

    def moved(position: int) -> int:
        number = next(number for number, (_, end) in enumerate(literals) if position <= end)
        return match.start(number + 1) + max(0, position - literals[number][0])

    return moved
