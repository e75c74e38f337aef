"""A text cut to what a model reads, with what is left out, so that nobody is told about tokens that were never read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from explain.errors import TextTooLongError
from explain.messages import Span
from explain.models.explained_model import ExplainedModel
from explain.models.shorter_chat import shorter_chat
from explain.types import Question

WORD = re.compile(r"\S+")
LONGEST_PIECE = 40


@dataclass(frozen=True)
class Truncation:
    """A text or chat that was cut.

    Attributes:
        kept: What the model reads.
        before: What was left out of a text before it.
        after: What was left out of a text after it.
        tokens: How many tokens the whole text has, special tokens and output included.
        limit: How many the model reads.
        question: What can be asked instead.
        left_out: What was left out of a chat, in words.
    """

    kept: str
    before: str
    after: str
    tokens: int
    limit: int
    question: Question
    left_out: tuple[str, ...] = ()


def truncate(model: ExplainedModel, question: Question) -> Truncation | None:
    """The longest part of a text that the model reads around what the task needs of it; `None` if it reads all.

    The task says what must stay: the start (classification, embedding, encoder-decoders), the end (causal models) or the blanks,
    with as much on their left as on their right. Words stay whole, if they are of an ordinary length. Of a chat the oldest turns go first,
    then the middles of its documents.

    Args:
        model: The model that is to read it.
        question: The text, and what is asked about it.

    Raises:
        InputError: The text cannot be explained for another reason.
        TextTooLongError: No cut makes it short enough: the blanks are too far apart, the output or the last message is too long by
            itself, or the tokenizer does not tell where its tokens stand.
    """
    if question.messages is not None and model.task.chats:
        chat = shorter_chat(model, question)
        limit = model.maximum_length or 0
        return None if chat is None else Truncation(chat.text, "", "", chat.tokens, limit, chat.question, chat.left_out)
    text = question.text
    start, end = 0, len(text)
    needed = model.task.needed(model, text)
    first: TextTooLongError | None = None
    while True:
        try:
            model.encode(replace(question, text=text[start:end], spans=_moved(question, start, end)))
        except TextTooLongError as error:
            first = first or error
            window = _window(model, text[start:end], error.tokens - error.limit, (needed[0] - start, needed[1] - start))
            if window is None:
                raise first from None
            start, end = start + window[0], start + window[1]
        else:
            if first is None:
                return None
            kept = replace(question, text=text[start:end], spans=_moved(question, start, end))
            return Truncation(text[start:end], text[:start], text[end:], first.tokens, first.limit, kept)


def _moved(question: Question, start: int, end: int) -> tuple[Span, ...] | None:
    """The given spans, or what of them lies in the part [start, end), as places of the part."""
    spans: Iterable[Span] = question.spans or ()  # type: ignore[assignment]
    inside = (replace(s, start=max(s.start, start) - start, end=min(s.end, end) - start) for s in spans if s.start < end and s.end > start)
    return tuple(inside) or None


def _window(model: ExplainedModel, text: str, excess: int, needed: tuple[int, int]) -> tuple[int, int] | None:
    """First and last character (after) of a part with `excess` tokens less that holds the needed characters; `None` if there is none."""
    if not model.tokenizer.is_fast:
        return None
    offsets = model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
    size = len(offsets) - excess
    if size < 1:
        return None
    left = next((i for i, (_, end) in enumerate(offsets) if end > needed[0]), len(offsets))
    right = next((i for i, (start, _) in enumerate(offsets) if start >= needed[1]), len(offsets))
    from_token = min(max((left + right - size) // 2, 0), excess)
    start = offsets[from_token][0] if from_token else 0
    end = offsets[from_token + size - 1][1] if from_token < excess else len(text)
    start, end = _whole_words(text, start, end, needed)
    inside = start <= needed[0] and needed[1] <= end
    return (start, end) if inside and end - start < len(text) and text[start:end].strip() else None


def _whole_words(text: str, start: int, end: int, needed: tuple[int, int]) -> tuple[int, int]:
    """The same without a piece of a word at its ends; a piece that is needed or very long stays."""
    whole = [match.span() for match in WORD.finditer(text) if start <= match.start() and match.end() <= end]
    if not whole:
        return start, end
    first, last = whole[0][0], whole[-1][1]
    if first - start <= LONGEST_PIECE and first <= needed[0]:
        start = first
    if end - last <= LONGEST_PIECE and last >= needed[1]:
        end = last
    return start, end
