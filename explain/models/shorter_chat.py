"""A chat cut to what a model reads: its oldest turns go first, then the middles of its documents, and it is said which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from explain.errors import TextTooLongError
from explain.messages import Document, Message, Span
from explain.models import architectures
from explain.models.explained_model import ExplainedModel
from explain.models.tasks.chat import messages_of, render, with_answer
from explain.models.tasks.generation import CHAT_TOKENS
from explain.types import Question

SHORTEST = 24
"""Of a document whose middle goes, at least so many tokens stay."""
GAP = " … "


@dataclass(frozen=True)
class ShorterChat:
    """A chat that the model reads.

    Attributes:
        question: The chat, and what is asked about it.
        text: It as the model reads it.
        left_out: What went, in words.
        tokens: How many tokens the whole chat has, with a given answer.
    """

    question: Question
    text: str
    left_out: tuple[str, ...]
    tokens: int


def shorter_chat(model: ExplainedModel, question: Question) -> ShorterChat | None:
    """The chat without its oldest turns and the middles of its documents, as far as needed; `None` if the model reads all of it.

    What the system says, the last message and a given answer stay; where the answer is the model's own there is room for it.

    Raises:
        TextTooLongError: What must stay is too long; the message says what it consists of.
    """
    limit = model.maximum_length
    tokens = count(model, question)
    if limit is None or tokens <= limit:
        return None
    own = model.task.sequence and with_answer(question).target is None and not architectures.is_encoder_decoder(model.model)
    room = limit - (min(CHAT_TOKENS, limit // 4) if own else 0)
    kept, turns = question, 0
    while count(model, kept) > room and (fewer := _without_oldest_turn(kept)) is not None:
        kept, turns = fewer, turns + len(messages_of(kept)) - len(messages_of(fewer))
    left_out = [f"the {'oldest message' if turns == 1 else f'oldest {turns} messages'}"] if turns else []
    if count(model, kept) > room and kept.documents:
        kept, shortened = _with_shorter_documents(model, kept, room)
        left_out += shortened
    if count(model, kept) > room:
        raise TextTooLongError(_too_long(model, question, kept, tokens, room), tokens=tokens, limit=limit)
    return ShorterChat(kept, render(model, kept, continued=_continued(kept))[0], tuple(left_out), tokens)


def count(model: ExplainedModel, question: Question) -> int:
    """How many tokens the model reads of a chat, with its given answer."""
    asked = with_answer(question) if model.task.sequence else question
    tokens = _tokens(model, render(model, asked, continued=_continued(asked))[0])
    if isinstance(asked.target, str) and model.task.sequence and not architectures.is_encoder_decoder(model.model):
        tokens += max(_tokens(model, asked.target.strip()) - 1, 0)
    return tokens


def _continued(question: Question) -> bool:
    """Whether the last message is the beginning of an answer."""
    return messages_of(question)[-1].role == "assistant"


def _tokens(model: ExplainedModel, text: str) -> int:
    return len(model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _without_oldest_turn(question: Question) -> Question | None:
    """The chat without its first message of the user and what follows until the user speaks again; `None` where there is one turn."""
    messages = messages_of(question)
    asking = [number for number, message in enumerate(messages) if message.role == "user"]
    if len(asking) < 2:
        return None
    first, end = asking[0], asking[1]
    kept: tuple[Message, ...] = (*messages[:first], *messages[end:])
    spans: Sequence[Span] = question.spans or ()  # type: ignore[assignment]
    moved = [
        span if span.message is None or span.message < first else replace(span, message=span.message - (end - first))
        for span in spans
        if span.message is None or not first <= span.message < end
    ]
    return replace(question, messages=kept, spans=tuple(moved) or None)


def _with_shorter_documents(model: ExplainedModel, question: Question, room: int) -> tuple[Question, list[str]]:
    """The chat with the most of its documents that fits: all are cut to one length, and those that are shorter stay whole."""
    documents: tuple[Document, ...] = question.documents  # type: ignore[assignment]
    sizes = [_tokens(model, document.text) for document in documents]

    def cut(most: int) -> Question:
        return replace(question, documents=tuple(_middle_cut(model, document, most) for document in documents))

    low, high = SHORTEST, max(*sizes, SHORTEST)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(model, cut(middle)) <= room else (low, middle - 1)
    names = [document.title or f"document {number + 1}" for number, document in enumerate(documents)]
    said = [f"the middle of “{name}” (about {size - low} of {size} tokens)" for name, size in zip(names, sizes, strict=True) if size > low]
    return cut(low), said


def _middle_cut(model: ExplainedModel, document: Document, most: int) -> Document:
    """The document without its middle, so that at most so many tokens stay; words stay whole."""
    offsets = model.tokenizer(document.text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
    if len(offsets) <= most:
        return document
    ahead = max((most - _tokens(model, GAP)) // 2, 1)
    head = document.text[: offsets[ahead - 1][1]]
    tail = document.text[offsets[len(offsets) - ahead][0] :]
    if head[-1:].strip() and document.text[len(head) : len(head) + 1].strip() and " " in head:
        head = head[: head.rindex(" ")]
    if tail[:1].strip() and document.text[: len(document.text) - len(tail)][-1:].strip() and " " in tail:
        tail = tail[tail.index(" ") :]
    return replace(document, text=f"{head.rstrip()}{GAP}{tail.lstrip()}")


def _too_long(model: ExplainedModel, question: Question, kept: Question, tokens: int, room: int) -> str:
    """Why no cut is enough: what was asked, and what fits."""
    parts = [f"{_tokens(model, message.content)} of the {message.role}'s message" for message in messages_of(kept)]
    documents: Sequence[Document] = kept.documents or ()  # type: ignore[assignment]
    if documents:
        parts.append(f"{sum(_tokens(model, document.text) for document in documents)} of {len(documents)} documents")
    if isinstance(question.target, str):
        parts.append(f"{_tokens(model, question.target)} of the answer")
    return (
        f"The chat has {tokens} tokens, and {model.name} has room for {room}. Without the oldest turns and the middles of the documents "
        f"it still has {count(model, kept)}: {', '.join(parts)}, and those of the template. Shorten what is longest."
    )
