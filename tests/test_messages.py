"""Messages, documents and spans are checked when they are made, and are read from plain values."""

from __future__ import annotations

from typing import Any

import pytest

from explain import Question
from explain.errors import InputError
from explain.messages import Document, Message, Span, parts_of, plain

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]


def test_a_question_takes_a_chat_as_plain_values_and_gives_it_back() -> None:
    given = {"messages": CHAT, "documents": [{"text": "It was Ann.", "title": "Minutes"}], "spans": [{"start": 0, "end": 2, "message": 1}]}
    question = Question(**given, target="Ann", span=[0, 3])  # type: ignore[arg-type]
    assert question.messages == (Message("system", "Be brief."), Message("user", "Who?"))
    assert question.documents == (Document("It was Ann.", "Minutes"),)
    assert question.spans == (Span(0, 2, message=1),)
    assert question.span == (0, 3)
    assert question.to_dict() == {"text": "", "target": "Ann", "span": [0, 3], **given}
    assert Question(**question.to_dict()) == question
    assert Question.of(CHAT, step=1) == Question(messages=CHAT, step=1)
    assert Question.of(question, step=1) == Question(**given, target="Ann", span=(0, 3), step=1)  # type: ignore[arg-type]
    assert hash(question)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "role": ({"messages": [*CHAT, {"role": "bot", "content": "a"}]}, "Messages, number 3: The role 'bot' is not known. Choose one of: sys"),
    "content": ({"messages": [{"role": "user"}]}, "Messages: number 1 needs role and content, got {'role': 'user'}"),
    "field": ({"messages": [{"role": "user", "content": "a", "name": "b"}]}, "number 1 needs role and content"),
    "parts": ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "must be text, got list"),
    "empty message": ({"messages": [{"role": "user", "content": " \n"}]}, "The user's message is empty"),
    "no message": ({"messages": []}, "list of messages is empty"),
    "one message": ({"messages": CHAT[0]}, "must be a list, got dict"),
    "text": ({"messages": ["Hello"]}, "number 1 needs role and content, got 'Hello'"),
    "both": ({"text": "a", "messages": CHAT}, "A text and messages were given"),
    "documents alone": ({"text": "a", "documents": [{"text": "b"}]}, "Documents were given without messages"),
    "empty document": ({"messages": CHAT, "documents": [{"text": "", "title": "b"}]}, "number 1: The document 'b' is empty"),
    "title": ({"messages": CHAT, "documents": [{"text": "a", "title": 1}]}, "must be text"),
    "empty span": ({"text": "abc", "spans": [{"start": 2, "end": 2}]}, "number 1: A span holds the characters"),
    "overlap": ({"text": "abc", "spans": [{"start": 0, "end": 2, "name": "x"}, {"start": 1, "end": 3}]}, "spans 'x' and 1 overlap"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_used_is_said(what: str) -> None:
    given, message = WRONG[what]
    with pytest.raises(InputError, match=message.replace("{", r"\{")):
        Question(**given)


def test_spans_of_different_messages_do_not_overlap() -> None:
    spans = parts_of(Span, [{"start": 0, "end": 2, "message": 0}, {"start": 1, "end": 3, "message": 1}], where="spans")
    assert Question(messages=CHAT, spans=spans).spans == spans
    assert plain(spans[0]) == {"start": 0, "end": 2, "message": 0}
