"""Named parts of a text or chat as a visitor types them: one passage a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from explain.errors import InputError
from explain.messages import Message, Span
from explain.types import Question

NAMED = re.compile(r"([^:]{1,60}):\s+(\S.*)")
BETWEEN = re.compile(r"\s*(?:…|\.\.\.)\s*")
INFO = "One passage a line, copied from the text; `first words … last words` for a long one; `name:` before it, if wanted."


def parts_from(typed: str, about: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The spans that are meant, in the order in which they were typed; `None` if nothing was.

    Args:
        typed: Passages, each of which counts where it stands first and is not taken yet, in a chat from the last message to the first.
        about: The text or the messages, as fields of a question.

    Raises:
        InputError: A passage does not stand there.
    """
    question = Question(**{name: value for name, value in about.items() if name in ("text", "messages")})
    found: list[dict[str, Any]] = []
    for line in filter(None, map(str.strip, typed.splitlines())):
        named = NAMED.fullmatch(line)
        spans = (_found(line, "", question, found), None if named is None else _found(named[2], named[1].strip(), question, found))
        span = next((span for span in spans if span is not None), None)
        if span is None:
            raise InputError(f"The part {line!r:.80} does not stand in the text, or another part has it. Copy it as it stands there.")
        found.append(span)
    return found or None


def typed_parts(question: Question) -> str:
    """What stands in the box for the spans of a question."""
    texts = dict(_texts(question))
    lines = []
    spans: Iterable[Span] = question.spans or ()  # type: ignore[assignment]
    for span in spans:
        words = [line.strip() for line in texts[span.message][span.start : span.end].splitlines() if line.strip()]
        passage = words[0] if len(words) == 1 else f"{words[0]} … {words[-1]}"
        lines.append(f"{span.name}: {passage}" if span.name else passage)
    return "\n".join(lines)


def _found(passage: str, name: str, question: Question, taken: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first place of a passage that no other part has."""
    pieces = [passage] if not BETWEEN.search(passage) else [passage, BETWEEN.sub("\x00", passage, count=1)]
    for message, text in _texts(question):
        for wanted in pieces:
            pattern = r"[\s\S]*?".join(map(re.escape, wanted.split("\x00")))
            for match in re.finditer(pattern, text):
                span = {"start": match.start(), "end": match.end(), "name": name, "message": message}
                if not any(_overlap(span, other) for other in taken):
                    return {key: value for key, value in span.items() if value not in ("", None)}
    return None


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.get("message") == other.get("message") and one["start"] < other["end"] and other["start"] < one["end"]


def _texts(question: Question) -> Iterator[tuple[int | None, str]]:
    """The text, or the messages from the last to the first, each by its number."""
    if question.messages is None:
        yield None, question.text
        return
    messages: tuple[Message, ...] = question.messages  # type: ignore[assignment]
    for number in reversed(range(len(messages))):
        yield number, messages[number].content
