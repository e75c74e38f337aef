"""Where a word or phrase stands in a text, by whole characters as a reader sees them, and which tokens it covers."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import regex  # type: ignore[import-untyped]

from explain.errors import InputError
from explain.types import Segment, Token

CHARACTER = regex.compile(r"\X")
WORD_SIGN = regex.compile(r"\w")
UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
DOTTED = "i\u0307"
SELECTORS = "\ufe0e\ufe0f"
FOLDED = str.maketrans({"’": "'", **dict.fromkeys(SELECTORS)})


@dataclass(frozen=True)
class KeywordSpan:
    """One occurrence of a keyword.

    Attributes:
        keyword: What was looked for.
        text: How the text spells it.
        start: First character in the text (0-based).
        end: One past its last character.
        tokens: Indices of the tokens that overlap it, special tokens left out.
    """

    keyword: str
    text: str
    start: int
    end: int
    tokens: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {**vars(self), "tokens": list(self.tokens)}


@dataclass(frozen=True)
class _Unit:
    """A character as a reader sees it, or a run of white space: its folded form and its place."""

    folded: str
    start: int
    end: int


def find(tokens: Sequence[Token], text: str, keyword: str, *, inside_words: bool = False) -> tuple[KeywordSpan, ...]:
    """All occurrences of a word or phrase in a text, from left to right.

    Case and Unicode spelling make no difference: both sides are compared after full case folding and canonical decomposition (the
    Unicode Standard, canonical caseless matching), a capital İ is an i, emoji and text presentation are the same, as are the two
    apostrophes, and any run of white space matches any other. Characters are never cut: "e" is not found in a decomposed "é", a thumb
    without skin tone not in one with it. An occurrence is a whole word unless the character before or after it continues the word (a
    letter, digit or underscore beside one); scripts written without spaces (such as 中文) have no such borders. "film" is so found in
    "film-maker" and in "film's", and not in "films".

    Args:
        tokens: Of the text, with their offsets.
        text: What the tokens' offsets count in.
        keyword: What to look for; white space around it is dropped.
        inside_words: Also find it inside longer words.

    Returns:
        One span for each occurrence; those of one keyword do not overlap. A span's tokens are all that overlap its characters, and pieces
        that stand for the white space before it; special tokens and output tokens are left out, and spans of nothing else with them.

    Raises:
        InputError: The keyword is empty.
    """
    wanted = "".join(unit.folded for unit in _units(keyword.strip()))
    if not wanted.strip():
        raise InputError(f"The keyword {keyword!r} is empty. Give a word or phrase.")
    units = _units(text)
    inner = set() if inside_words else _inner(units, text)
    extents = _extents(tokens)
    spans = []
    for start, end in _occurrences(units, wanted):
        if start in inner or end in inner:
            continue
        if covered := _overlapping(extents, start, end):
            spans.append(KeywordSpan(keyword.strip(), text[start:end], start, end, covered))
    return tuple(_apart(spans))


def covering(tokens: Sequence[Token], start: int, end: int) -> tuple[int, ...]:
    """The input tokens, special ones left out, that overlap the characters from start to end.

    A piece that stands for white space alone counts with the character after it, as it does in words.
    """
    return _overlapping(_extents(tokens), start, end) if start < end else ()


def _extents(tokens: Sequence[Token]) -> npt.NDArray[np.int64]:
    """First character and one past the last of every token that may belong to a keyword, [2, tokens]; -1 for the others."""
    pairs = [(-1, -1) if t.special or t.segment is Segment.OUTPUT else (t.start, max(t.end, t.start + 1)) for t in tokens]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2).T


def _overlapping(extents: npt.NDArray[np.int64], start: int, end: int) -> tuple[int, ...]:
    return tuple(np.flatnonzero((extents[0] < end) & (extents[1] > start)).tolist())


def folded(text: str) -> str:
    """A text as it is compared: without case, spelling variants of characters, and kinds of white space."""
    return "".join(unit.folded for unit in _units(text.strip()))


def _units(text: str) -> list[_Unit]:
    units: list[_Unit] = []
    for match in CHARACTER.finditer(text):
        decomposed = unicodedata.normalize("NFD", match[0]).translate(FOLDED)
        character = unicodedata.normalize("NFD", decomposed.casefold()).replace(DOTTED, "i")
        if match[0].isspace():
            if units and units[-1].folded == " ":
                units[-1] = _Unit(" ", units[-1].start, match.end())
                continue
            character = " "
        units.append(_Unit(character, match.start(), match.end()))
    return units


def _occurrences(units: Sequence[_Unit], wanted: str) -> Iterator[tuple[int, int]]:
    """Places of `wanted` that begin and end with whole units."""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    reached = 0
    for unit in units:
        if not unit.folded:
            continue  # a lone variation selector is no character
        starts[reached] = unit.start
        reached += len(unit.folded)
        ends[reached] = unit.end
    together = "".join(unit.folded for unit in units)
    found = together.find(wanted)
    while found >= 0:
        if found in starts and found + len(wanted) in ends:
            yield starts[found], ends[found + len(wanted)]
        found = together.find(wanted, found + 1)


def _inner(units: Sequence[_Unit], text: str) -> set[int]:
    """The places between two characters where a word goes on from one to the other."""
    signs = [WORD_SIGN.match(text, unit.start) and not UNSPACED.match(text, unit.start) for unit in units]
    return {unit.start for unit, before, after in zip(units[1:], signs, signs[1:], strict=False) if before and after}


def _apart(spans: Sequence[KeywordSpan]) -> Iterator[KeywordSpan]:
    """The spans from left to right that do not overlap those before them."""
    reached = 0
    for span in spans:
        if span.start >= reached:
            reached = span.end
            yield span
