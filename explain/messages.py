"""What a chat is made of, and parts of a text that have a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, TypeVar

from explain.errors import InputError

ROLES = ("system", "developer", "user", "assistant", "tool")


@dataclass(frozen=True)
class Message:
    """One message of a chat.

    Attributes:
        role: Who speaks: system, developer, user, assistant or tool.
        content: What is said.

    Raises:
        InputError: The role is not known, or the content is empty or not text.
    """

    role: str
    content: str

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise InputError(f"The role {self.role!r} is not known. Choose one of: {', '.join(ROLES)}.")
        if not isinstance(self.content, str):
            raise InputError(f"The content of the {self.role}'s message must be text, got {type(self.content).__name__}.")
        if not self.content.strip():
            raise InputError(f"The {self.role}'s message is empty. Write something, or leave the message out.")


@dataclass(frozen=True)
class Document:
    """A text that an answer may rest on.

    Attributes:
        text: The text.
        title: Its title; its number where it has none.

    Raises:
        InputError: The text is empty, or text or title is not text.
    """

    text: str
    title: str = ""

    def __post_init__(self) -> None:
        if not (isinstance(self.text, str) and isinstance(self.title, str)):
            raise InputError("The text and the title of a document must be text.")
        if not self.text.strip():
            raise InputError(f"The document {self.title!r} is empty. Give its text, or leave it out.")


class SpanKind(StrEnum):
    """What a named part of a text is."""

    MESSAGE = "message"
    DOCUMENT = "document"
    GIVEN = "span"


@dataclass(frozen=True)
class Span:
    """A part of a text that has a name.

    Attributes:
        start: Its first character, from 0.
        end: One past its last character.
        name: What a table calls it.
        message: Number of the message of a chat, from 0, in whose content the characters are counted; `None` for those of the text.
        kind: What it is; what a caller gives is a span.
        role: Who speaks in it, for a message.

    Raises:
        InputError: It does not hold a character.
    """

    start: int
    end: int
    name: str = ""
    message: int | None = None
    kind: SpanKind = SpanKind.GIVEN
    role: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise InputError(f"A span holds the characters from start to before end, got {self.start} to {self.end}.")


Part = TypeVar("Part", Message, Document, Span)


def parts_of(kind: type[Part], given: Iterable[Part | Mapping[str, Any]], *, where: str) -> tuple[Part, ...]:
    """Parts that were given as such or as mappings of their fields.

    Args:
        kind: What they are.
        given: The parts.
        where: What they are called, for errors.

    Raises:
        InputError: There are none, or one has other fields or values than it needs.
    """
    if isinstance(given, str | Mapping):
        raise InputError(f"The {where} must be a list, got {type(given).__name__}.")
    made = []
    for number, part in enumerate(given):
        try:
            made.append(part if isinstance(part, kind) else kind(**part))  # type: ignore[arg-type]
        except TypeError as error:
            needs = " and ".join(name for name in kind.__dataclass_fields__ if not hasattr(kind, name))
            raise InputError(f"{where.capitalize()}: number {number + 1} needs {needs}, got {part!r:.80}.") from error
        except InputError as error:
            raise InputError(f"{where.capitalize()}, number {number + 1}: {error}") from error
    if not made:
        raise InputError(f"The list of {where} is empty. Give at least one, or leave it out.")
    return tuple(made)


def without_overlap(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """The spans themselves, if no two share a character.

    Raises:
        InputError: Two do.
    """
    placed = sorted(spans, key=lambda span: (-1 if span.message is None else span.message, span.start))
    for one, other in pairwise(placed):
        if one.message == other.message and other.start < one.end:
            raise InputError(
                f"The spans {one.name or one.start!r} and {other.name or other.start!r} overlap. Let each character be in one."
            )
    return spans


def plain(part: Message | Document | Span) -> dict[str, Any]:
    """A part as plain Python for JSON, without what is left out."""
    values = {name: value for name, value in vars(part).items() if value not in ("", None)}
    return {name: value for name, value in values.items() if name not in ("kind", "role") or isinstance(part, Message)}
