"""A chat as the model reads it: the tokenizer's own template, and what in it is whose message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from explain.errors import InputError, TextTooLongError, UnsupportedError
from explain.messages import Document, Message, Span, SpanKind
from explain.models import architectures
from explain.models.instrumented import InstrumentedModel
from explain.models.tasks.task import encode_input
from explain.tokens import tokens_of
from explain.types import Encoding, Question, Token

if TYPE_CHECKING:
    from transformers import BatchEncoding

PLACEHOLDER = "\ue000{}\ue001"
DOCUMENT = "document"
"""The role of a document that stands outside all messages."""
LONGEST = 4
"""How many messages and documents an error names."""
PLACED = re.compile("\ue000(\\d+)\ue001")


def messages_of(question: Question) -> Sequence[Message]:
    """The messages of a chat; none of a text."""
    return question.messages or ()  # type: ignore[return-value]


def with_answer(question: Question) -> Question:
    """The question, with the answer that its last message may be as the output that is explained.

    Raises:
        InputError: There is another one.
    """
    messages = messages_of(question)
    if not messages or messages[-1].role != "assistant":
        return question
    if question.target is not None:
        raise InputError("The last message is the assistant's, and an answer is given beside it. Give one of them.")
    if len(messages) == 1:
        raise InputError("The only message is the assistant's. Put the question that it answers before it.")
    return replace(question, messages=messages[:-1], target=messages[-1].content)


def encode_question(model: InstrumentedModel, question: Question, *, continued: bool = False) -> Encoding:
    """The text, or the chat, of a question as the model reads it, no position chosen yet.

    A chat is exactly what the tokenizer's template makes of it, tokenized without special tokens of its own. What the template adds is
    special. Documents go where the template has a place for them, else before the last message of the user.

    Args:
        model: The model that is to read it.
        question: A text or messages.
        continued: The last message is the beginning of what is to be said, not to be answered.

    Raises:
        InputError: The template refuses the messages, or a span lies outside its message.
        TextTooLongError: The model reads fewer tokens.
        UnsupportedError: There is no chat template, or it changes what is said.
    """
    if question.messages is None:
        return encode_input(model, question.text)
    text, spans = render(model, question, continued=continued)
    encoded: BatchEncoding = model.tokenizer(
        text, add_special_tokens=False, return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False
    )
    _check_length(model, encoded["offset_mapping"], spans)
    named = {"input_ids", "attention_mask", "token_type_ids"} & set(encoded)
    inputs = {name: torch.tensor([encoded[name]], device=model.device) for name in named if architectures.accepts(model.model, name)}
    tokens = tokens_of(model.tokenizer, encoded, text)
    speaking = [span for span in spans if span.role]
    owned = (_owned(token, offsets, speaking) for token, offsets in zip(tokens, encoded["offset_mapping"], strict=True))
    return Encoding(text, tuple(owned), inputs, spans=tuple(spans))


def _check_length(model: InstrumentedModel, offsets: Sequence[tuple[int, int]], spans: Sequence[Span]) -> None:
    """Raises TextTooLongError where the model reads fewer tokens; the message says how many each message and document has."""
    limit, tokens = model.maximum_length, len(offsets)
    if limit is None or tokens <= limit:
        return
    named = [span for span in spans if span.kind is not SpanKind.GIVEN]
    sizes = {span.name: sum(span.start < end and start < span.end for start, end in offsets) for span in named}
    longest = sorted(sizes, key=lambda name: -sizes[name])[:LONGEST]
    raise TextTooLongError(
        f"The chat has {tokens} tokens, but {model.name} reads at most {limit}. Longest: "
        f"{', '.join(f'{name!r} with {sizes[name]}' for name in longest)}. Shorten it by at least {tokens - limit} tokens; `truncate` "
        "leaves out the oldest turns, then the middles of documents.",
        tokens=tokens,
        limit=limit,
    )


def _owned(token: Token, offsets: tuple[int, int], speaking: Sequence[Span]) -> Token:
    """The token with its role; special where it is part of no message."""
    start, end = offsets
    role = next((span.role for span in speaking if start < span.end and span.start < end), "")
    return replace(token, role=role, special=token.special or not role)


def render(model: InstrumentedModel, question: Question, *, continued: bool = False) -> tuple[str, list[Span]]:
    """The chat's text, and where in it messages, documents and given spans are.

    The template is asked twice: once with the messages, and once with placeholders, which tell what is its own.

    Raises:
        InputError: The template refuses or leaves out a message, or a span lies outside its message.
        UnsupportedError: There is no chat template, or it changes what is said.
    """
    messages = messages_of(question)
    documents: Sequence[Document] = question.documents or ()  # type: ignore[assignment]
    if not model.tokenizer.chat_template:
        raise UnsupportedError(
            f"The tokenizer of {model.name} has no chat template, so that the model reads no messages. "
            "Choose a model that was made for chats, or give a text."
        )
    how = {"add_generation_prompt": not continued, "continue_final_message": continued}
    own_place = bool(documents) and "documents" in str(model.tokenizer.chat_template)
    if own_place:
        contents = [*(message.content for message in messages), *(document.text for document in documents)]
        folded: list[Span] = []
    else:
        messages, folded = _with_documents(messages, documents)
        contents = [message.content for message in messages]
    marks = [PLACEHOLDER.format(number) for number in range(len(contents))]

    def rendered(texts: Sequence[str]) -> str:
        said = [{"role": message.role, "content": text} for message, text in zip(messages, texts, strict=False)]
        given: list[dict[str, str]] | None = None
        if own_place:
            titles = [document.title or f"Document {number + 1}" for number, document in enumerate(documents)]
            given = [{"title": title, "text": text} for title, text in zip(titles, texts[len(messages) :], strict=True)]
        try:
            return str(model.tokenizer.apply_chat_template(said, documents=given, tokenize=False, **how))
        except Exception as error:  # a template raises what it likes
            raise InputError(f"The chat template of {model.name} refuses these messages: {error}") from error

    text = rendered(contents)
    places = _places(text, rendered(marks), contents)
    for number in range(len(contents)):
        if not any(place[0] == number for place in places):
            part = f"message {number + 1}" if number < len(messages) else f"document {number - len(messages) + 1}"
            raise InputError(f"The chat template of {model.name} leaves out {part}. Leave it out, or put what it says elsewhere.")
    return text, _spans(text, question, messages, documents, places, folded)


def _places(text: str, skeleton: str, contents: Sequence[str]) -> list[tuple[int, int, int]]:
    """Where each content stands: its number, first character and one past its last; white space around it may be cut or kept."""
    order = [int(number) for number in PLACED.findall(skeleton)]
    between = PLACED.split(skeleton)[::2]
    wanted = [rf"(\s*{re.escape(contents[number].strip())}\s*)" for number in order]
    pattern = "".join(re.escape(piece) + content for piece, content in zip(between, [*wanted, ""], strict=True))
    found = re.fullmatch(pattern, text)
    if found:
        return [(number, *found.span(place + 1)) for place, number in enumerate(order)]
    places, reached = [], 0
    for number in order:  # the template decides by what is said
        start = text.find(contents[number].strip(), reached)
        if start < 0:
            raise UnsupportedError(
                f"The chat template changes what is said in {contents[number]!r:.80}, so that its tokens cannot be told from "
                "the template's. Give the rendered chat as a text."
            )
        reached = start + len(contents[number].strip())
        places.append((number, start, reached))
    return places


def _with_documents(messages: Sequence[Message], documents: Sequence[Document]) -> tuple[Sequence[Message], list[Span]]:
    """The messages with the documents before what the user says last, and where in that message they are."""
    if not documents:
        return messages, []
    asking = next((number for number in reversed(range(len(messages))) if messages[number].role == "user"), None)
    if asking is None:
        raise InputError("Documents were given, but no message of the user that asks about them. Add one.")
    text, spans = "", []
    for number, document in enumerate(documents):
        name = f"Document {number + 1}"
        start = len(text)
        text += f"{name}: {document.title}\n" if document.title else f"{name}:\n"
        text += f"{document.text.strip()}\n\n"
        spans.append(Span(start, len(text), _name(number, document), asking, SpanKind.DOCUMENT))
    said = replace(messages[asking], content=text + messages[asking].content)
    return [*messages[:asking], said, *messages[asking + 1 :]], spans


def _name(number: int, document: Document) -> str:
    return document.title or f"document {number + 1}"


def _spans(
    text: str,
    question: Question,
    messages: Sequence[Message],
    documents: Sequence[Document],
    places: Sequence[tuple[int, int, int]],
    folded: Sequence[Span],
) -> list[Span]:
    """Messages, documents and given spans as parts of the whole text."""
    spans = []
    for number, start, end in places:
        if number < len(messages):
            said = messages[number]
            spans.append(Span(start, end, f"{number + 1}: {said.role}", number, SpanKind.MESSAGE, said.role))
        else:
            document = number - len(messages)
            spans.append(Span(start, end, _name(document, documents[document]), None, SpanKind.DOCUMENT, DOCUMENT))
    at = {number: (start, end) for number, start, end in reversed(places)}
    ahead = {span.message: span.end for span in folded}
    given: Sequence[Span] = question.spans or ()  # type: ignore[assignment]
    for span in (*folded, *given):
        if span.message is None or span.message not in range(len(messages)):
            raise InputError(f"In a chat, a span says in which message it is, from 0 to {len(messages) - 1}, got {span.message}.")
        number = span.message
        skipped = ahead.get(number, 0) if span.kind is SpanKind.GIVEN else 0
        content, (start, end) = messages[number].content, at[number]
        if skipped + span.end > len(content):
            raise InputError(
                f"The span {span.start} to {span.end} lies outside message {number}, which has {len(content) - skipped} characters."
            )
        moved = start + skipped + _blanks(text[start:end]) - _blanks(content)
        spans.append(replace(span, start=max(moved + span.start, start), end=min(moved + span.end, end)))
    return spans


def _blanks(text: str) -> int:
    """White space at the start; a template may cut it."""
    return len(text) - len(text.lstrip())
