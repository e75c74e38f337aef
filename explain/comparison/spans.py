"""Where a word or phrase stands in a text, by whole characters as a reader sees them, and which tokens it covers."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import regex  # type: ignore[import-untyped]

from explain.errors import InputError
from explain.types import Segment, Token

CHARACTER = regex.compile(r"\X")
WORD_SIGN = regex.compile(r"\w")
UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
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
    Unicode Standard, canonical caseless matching), emoji and text presentation are the same, as are the two apostrophes, and any run
    of white space matches any other. Characters are never cut: "e" is not found in a decomposed "é", a thumb without skin tone not in
    one with it. An occurrence is a whole word unless the character before or after it continues the word (a letter, digit or
    underscore beside one); scripts written without spaces (such as 中文) have no such borders. "film" is so found in "film-maker" and
    in "film's", and not in "films".

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
    spans = []
    for start, end in _occurrences(_units(text), wanted):
        if not inside_words and (_continues(text, start) or _continues(text, end)):
            continue
        if covered := covering(tokens, start, end):
            spans.append(KeywordSpan(keyword.strip(), text[start:end], start, end, covered))
    return tuple(_apart(spans))


def covering(tokens: Sequence[Token], start: int, end: int) -> tuple[int, ...]:
    """The input tokens, special ones left out, that overlap the characters from start to end.

    A piece that stands for white space alone counts with the character after it, as it does in words.
    """
    return tuple(
        number
        for number, token in enumerate(tokens)
        if not token.special and token.segment is Segment.INPUT and token.start < end and max(token.end, token.start + 1) > start
    )


def folded(text: str) -> str:
    """A text as it is compared: without case, spelling variants of characters, and kinds of white space."""
    return "".join(unit.folded for unit in _units(text.strip()))


def _units(text: str) -> list[_Unit]:
    units: list[_Unit] = []
    for match in CHARACTER.finditer(text):
        decomposed = unicodedata.normalize("NFD", match[0]).translate(FOLDED)
        character = unicodedata.normalize("NFD", decomposed.casefold())
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


def _continues(text: str, place: int) -> bool:
    """Whether a word goes on from the character before a place to the one after it."""
    if not 0 < place < len(text):
        return False
    before = CHARACTER.findall(text[:place])[-1]
    after = CHARACTER.match(text, place)[0]
    return all(WORD_SIGN.match(sign) and not UNSPACED.match(sign) for sign in (before, after))


def _apart(spans: Sequence[KeywordSpan]) -> Iterator[KeywordSpan]:
    """The spans from left to right that do not overlap those before them."""
    reached = 0
    for span in spans:
        if span.start >= reached:
            reached = span.end
            yield span
