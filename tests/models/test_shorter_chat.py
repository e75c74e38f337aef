"""A chat that is too long loses its oldest turns, then the middles of its documents, no more than needed, and it is said which."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from chats import chatty
from zoo import tiny

from explain import InputError, Question, TextTooLongError, TokenExplainer
from explain.models.shorter_chat import count
from explain.models.tasks.generation import CHAT_TOKENS
from explain.models.truncation import Truncation

TURNS = [
    {"role": role, "content": f"{said} the film was good and it was long"}
    for said in "one two three".split()
    for role in ("user", "assistant")
]
CHAT = [{"role": "system", "content": "be brief"}, *TURNS, {"role": "user", "content": "was it good?"}]
DOCUMENTS = [
    {"title": "long", "text": " ".join(f"w{number}" for number in range(200))},
    {"text": "it was a film"},
    {"title": "other", "text": " ".join(f"v{number}" for number in range(60))},
]


@contextmanager
def reads(limit: int, template: str = "chatml") -> Iterator[TokenExplainer]:
    with chatty(template).explainer() as explainer, pytest.MonkeyPatch.context() as patch:
        patch.setattr(explainer.model, "maximum_length", limit)
        yield explainer


def cut(explainer: TokenExplainer, question: Any, **asked: Any) -> Truncation:
    """The cut, which the model reads."""
    with pytest.raises(TextTooLongError):
        explainer.ask(question, **asked)
    found = explainer.truncate(question, **asked)
    assert found is not None
    encoding = explainer.model.encode(found.question)
    assert encoding.text == found.kept
    assert len(encoding.tokens) <= found.limit
    return found


def said(question: Question) -> list[str]:
    return [message.content.split()[0] for message in question.messages or ()]  # type: ignore[union-attr]


@pytest.mark.parametrize("template", ["chatml", "gemma"])
def test_the_oldest_turns_go_first_and_no_more_than_needed(template: str) -> None:
    given = CHAT if template == "chatml" else CHAT[1:]
    system = ["be"] if template == "chatml" else []
    with reads(10_000, template) as explainer:
        whole = count(explainer.model, Question(messages=given, target="it was"))
        turn = whole - count(explainer.model, Question(messages=[*given[: len(system)], *given[len(system) + 2 :]], target="it was"))
    for excess, kept, words in (
        (1, ["two", "two", "three", "three"], 2),
        (turn, ["two", "two", "three", "three"], 2),
        (turn + 1, ["three", "three"], 4),
    ):
        with reads(whole - excess, template) as explainer:
            spans = [{"start": 0, "end": 3, "message": number, "name": str(number)} for number in (len(system), len(system) + 5)]
            found = cut(explainer, given, target="it was", spans=spans)
            assert said(found.question) == [*system, *kept, "was"]
            assert found.left_out == (f"the oldest {words} messages",)
            assert (found.tokens, found.limit) == (whole, whole - excess)
            assert [span.message for span in found.question.spans or ()] == [len(system) + 5 - words]
            assert explainer.truncate(found.question) is None


def test_documents_lose_their_middle_and_the_longest_most() -> None:
    with reads(10_000) as explainer:
        question = Question(messages=CHAT[-1:], documents=DOCUMENTS, target="it was")
        whole = count(explainer.model, question)
    with reads(whole // 3) as explainer:
        found = cut(explainer, question)
        first, short, other = (document.text for document in found.question.documents or ())  # type: ignore[union-attr]
        longer = count(explainer.model, replace(found.question, documents=[{"text": f"{first} more and more of it"}, *DOCUMENTS[1:]]))
    assert short == DOCUMENTS[1]["text"]
    head, tail = first.split(" … ")
    assert DOCUMENTS[0]["text"].startswith(f"{head} ")
    assert DOCUMENTS[0]["text"].endswith(f" {tail}")
    assert abs(len(head) - len(tail)) < 12
    assert " … " in other
    assert longer > whole // 3 - 12  # a few words more would be too long
    assert [line.split(" (")[0] for line in found.left_out] == ["the middle of “long”", "the middle of “other”"]


def test_there_is_room_for_an_answer_of_the_models_own() -> None:
    with reads(10_000) as explainer:
        whole = count(explainer.model, Question(messages=CHAT))
    with reads(whole - 1) as explainer:
        found = cut(explainer, CHAT)
        assert count(explainer.model, found.question) <= whole - 1 - min(CHAT_TOKENS, (whole - 1) // 4)
        assert explainer.truncate(CHAT[-1:]) is None


def test_what_must_stay_is_refused_with_what_it_consists_of() -> None:
    question = Question(messages=[*CHAT[:-1], {"role": "user", "content": "film " * 100}], documents=DOCUMENTS, target="it was")
    with reads(150) as explainer, pytest.raises(TextTooLongError) as refused:
        explainer.truncate(question)
    message = str(refused.value)
    assert "has room for 150" in message
    assert "of the system's message" in message
    assert "of 3 documents" in message
    assert "of the answer" in message
    assert refused.value.limit == 150


def test_spans_of_a_text_move_with_it_and_other_tasks_read_no_chat() -> None:
    made = tiny("gpt2-generation")
    with made.explainer() as explainer, pytest.MonkeyPatch.context() as patch:
        patch.setattr(explainer.model, "maximum_length", 12)
        text = "the film was good " * 6 + "bad plot"
        found = explainer.truncate(
            Question(text, target="it", spans=[{"start": 0, "end": 3}, {"start": text.index("bad"), "end": len(text)}])
        )
        assert found is not None
        (span,) = found.question.spans or ()
        assert found.question.text[span.start : span.end] == "bad plot"  # type: ignore[union-attr]
    with tiny("bert-class").explainer() as explainer, pytest.raises(InputError, match="not the messages"):
        explainer.truncate(CHAT)
