"""A slice of the data: the rows that have a word, a pattern or a value of a column in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex  # type: ignore[import-untyped]

from explain.errors import InputError
from explain.prompts.spans import covering, find
from explain.types import Token

SECONDS = 1.0
_FORMS = "NAME=word,word, NAME=/pattern/ or NAME=column:value"


@dataclass(frozen=True)
class Slice:
    """Rows that have one thing in common. One of words, pattern and column is given.

    Attributes:
        name: What it is called.
        words: Words or phrases of which one stands in the text, found as keywords of prompts are (any case, whole words).
        pattern: A regular expression that is found in the text.
        column: A column of the run.
        value: What stands in that column.
    """

    name: str
    words: tuple[str, ...] = ()
    pattern: str = ""
    column: str = ""
    value: str = ""

    def __post_init__(self) -> None:
        if not self.name or sum(map(bool, (self.words, self.pattern, self.column))) != 1:
            raise InputError(f"The slice {self.name!r} needs a name and words, a pattern or a column. Write {_FORMS}.")
        if any(not word.strip() for word in self.words):
            raise InputError(f"The slice {self.name!r} has an empty word. Leave it out.")
        try:
            regex.compile(self.pattern)
        except regex.error as error:
            raise InputError(f"The pattern {self.pattern!r} of the slice {self.name!r} cannot be read: {error}.") from error

    @classmethod
    def read(cls, written: str) -> Slice:
        """From `women=she,her,hers`, `women=/\\bshe\\b/` or `women=speaker:f`.

        Raises:
            InputError: It is none of these.
        """
        name, _, what = (part.strip() for part in written.partition("="))
        if len(what) > 2 and what[0] == what[-1] == "/":
            return cls(name, pattern=what[1:-1])
        column, colon, value = what.partition(":")
        if colon and "," not in what:
            return cls(name, column=column.strip(), value=value.strip())
        return cls(name, words=tuple(word.strip() for word in what.split(",") if word.strip()))

    def spans(self, tokens: Sequence[Token], text: str) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """The places in a text that put it into the slice, with their tokens; none for a column."""
        for word in self.words:
            if not (text.isascii() and word.isascii() and word.casefold().split()[0] not in text.casefold()):
                yield from ((span.start, span.end, span.tokens) for span in find(tokens, text, word))
        if self.pattern:
            try:
                found = [match.span() for match in regex.finditer(self.pattern, text, timeout=SECONDS)]
            except TimeoutError as error:
                raise InputError(f"The pattern {self.pattern!r} takes too long on a text of {len(text):,} characters.") from error
            yield from ((start, end, covering(tokens, start, end)) for start, end in found)


def slices_of_keywords(keywords: Sequence[str]) -> tuple[Slice, ...]:
    """A slice for each word or phrase."""
    return tuple(Slice(word, words=(word,)) for word in dict.fromkeys(keywords))
