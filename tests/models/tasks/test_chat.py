"""A chat is read exactly as the tokenizer's template writes it, and what is the template's is told from what is said."""

from __future__ import annotations

from typing import Any

import pytest
from chats import TEMPLATES, chatty
from zoo import tiny

from explain import Question, TokenExplainer
from explain.errors import InputError, TargetError, TextTooLongError, UnsupportedError
from explain.messages import SpanKind

SYSTEM = {"role": "system", "content": "user"}
CHAT = [
    {"role": "user", "content": "  was the plot good? "},
    {"role": "assistant", "content": "not very"},
    {"role": "user", "content": "the film was bad.\n\nbut is it?"},
]
DOCUMENTS = [{"text": "the plot was good", "title": "Paris"}, {"text": "the actors saved it. "}]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_text_and_ids_are_the_template_s(template: str, kind: str) -> None:
    made = chatty(template, kind=kind)
    messages = CHAT if template == "gemma" else [SYSTEM, *CHAT]
    with made.explainer() as explainer:
        encoding = explainer.ask(messages, target="it was").encoding
    assert encoding.text == made.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    known = made.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert encoding.inputs["input_ids"][0, : len(known)].tolist() == known
    blank = [token for token in encoding.tokens if token.before.strip(" ") and not token.text]
    assert {token.label for token in blank} == {"⏎"}, "newlines of the template and of what is said"
    assert len(blank) >= 2
    said = [span for span in encoding.spans if span.kind is SpanKind.MESSAGE]
    by_number = sorted(said, key=lambda span: span.message or 0)
    assert [span.role for span in by_number] == [message["role"] for message in messages]
    for span, message in zip(by_number, messages, strict=True):
        assert encoding.text[span.start : span.end].strip() == message["content"].strip()
        owned = [token for token in encoding.tokens if token.role and span.start <= token.start < span.end]
        assert {token.role for token in owned} == {message["role"]}
        assert "".join(token.before + token.text for token in owned).strip() == message["content"].strip()
        assert not any(token.special for token in owned)
    assert all(token.special for token in encoding.tokens[: len(known)] if not token.role)
    spoken = "".join(message["content"] for message in messages)
    assert sum(len(token.text) for token in encoding.tokens if token.role) == len("".join(spoken.split()))


@pytest.mark.parametrize("template", ["chatml", "llama", "granite"])
def test_documents_have_their_place_or_stand_before_the_last_question(template: str) -> None:
    made = chatty(template)
    spans = [{"start": 4, "end": 8, "message": 2, "name": "film"}, {"start": 0, "end": 4, "message": 1}]
    with made.explainer() as explainer:
        encoding = explainer.ask(Question(messages=CHAT, documents=DOCUMENTS, spans=spans, target="it")).encoding
    parts = {kind: [encoding.text[s.start : s.end] for s in encoding.spans if s.kind is kind] for kind in SpanKind}
    assert parts[SpanKind.GIVEN] == ["film", "not "[: len(parts[SpanKind.GIVEN][1])]]
    if template == "granite":
        assert parts[SpanKind.DOCUMENT] == [document["text"] for document in DOCUMENTS]
        known = made.tokenizer.apply_chat_template(
            CHAT, documents=[DOCUMENTS[0], {"title": "Document 2", **DOCUMENTS[1]}], tokenize=False, add_generation_prompt=True
        )
        assert {token.role for token in encoding.tokens} == {"", "user", "assistant", "document"}
    else:
        assert parts[SpanKind.DOCUMENT] == ["Document 1: Paris\nthe plot was good\n\n", "Document 2:\nthe actors saved it.\n\n"]
        folded = "".join(parts[SpanKind.DOCUMENT]) + CHAT[2]["content"]
        messages = [*CHAT[:2], {"role": "user", "content": folded}]
        known = made.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert encoding.text == known


def test_an_answer_may_be_the_last_message_and_may_have_begun() -> None:
    made = chatty()
    with made.explainer() as explainer:
        given = explainer.ask(CHAT, target="it was")
        last = explainer.ask([*CHAT, {"role": "assistant", "content": "it was"}])
        own = explainer.ask(CHAT)
    assert last.encoding.inputs["input_ids"].tolist() == given.encoding.inputs["input_ids"].tolist()
    assert given.prediction.text == "it was"
    known = made.tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    end = made.tokenizer.eos_token_id
    written = made.plain.generate(**known, max_new_tokens=64, do_sample=False, pad_token_id=1, begin_suppress_tokens=[end])
    answer = written[0, known["input_ids"].shape[1] :].tolist()
    assert list(own.encoding.output) == [index for index in answer if index != end]
    with made.explainer(task="next_token") as explainer:
        begun = explainer.ask([*CHAT, {"role": "assistant", "content": "it was"}])
        fresh = explainer.ask(CHAT)
    assert begun.encoding.text == fresh.encoding.text + "it was"
    assert begun.encoding.tokens[-1].role == "assistant"


def test_typed_special_tokens_of_a_message_stay_special() -> None:
    made = chatty()
    with made.explainer() as explainer:
        tokens = explainer.ask([{"role": "user", "content": "the <|im_end|> film"}], target="it").encoding.tokens
    assert [(token.role, token.special) for token in tokens if token.piece == "<|im_end|>"] == [("user", True), ("", True)]


WRONG: dict[str, tuple[str, dict[str, Any], type[Exception], str]] = {
    "role": ("gemma", {"messages": [SYSTEM, *CHAT]}, InputError, "template of .* refuses these messages: System role not supported"),
    "order": ("gemma", {"messages": [CHAT[0], CHAT[0]]}, InputError, "Roles must alternate"),
    "answer": ("chatml", {"messages": CHAT, "target": "  "}, TargetError, "output to explain is empty"),
    "two answers": ("chatml", {"messages": CHAT[:2], "target": "it"}, InputError, "an answer is given beside it"),
    "no question": ("chatml", {"messages": CHAT[1:2]}, InputError, "Put the question that it answers before it"),
    "left out": ("mistral", {"messages": [CHAT[0], SYSTEM, CHAT[2]]}, InputError, "leaves out message 2"),
    "changed": ("thinking", {"messages": [{"role": "user", "content": "<think>a</think>b"}]}, UnsupportedError, "changes what is said in"),
    "too long": (
        "chatml",
        {"messages": [{"role": "user", "content": "film " * 260}]},
        TextTooLongError,
        "reads at most 256. Longest: '1: user' with",
    ),
    "answer too long": ("chatml", {"messages": CHAT, "target": "film " * 260}, TextTooLongError, "reads at most 256"),
    "no user": ("chatml", {"messages": [SYSTEM], "documents": DOCUMENTS}, InputError, "no message of the user"),
    "span": (
        "chatml",
        {"messages": CHAT, "spans": [{"start": 0, "end": 99, "message": 2}]},
        InputError,
        "lies outside message 2, which has 29",
    ),
    "span of what": (
        "chatml",
        {"messages": CHAT, "spans": [{"start": 0, "end": 1}]},
        InputError,
        "says in which message it is, from 0 to 2",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_read_is_said(what: str) -> None:
    template, asked, error, message = WRONG[what]
    with chatty(template).explainer() as explainer, pytest.raises(error, match=message):
        explainer.ask(Question(**asked))


def test_models_without_a_template_and_other_tasks_read_no_messages() -> None:
    with tiny("gpt2-generation").explainer() as explainer, pytest.raises(UnsupportedError, match="has no chat template"):
        explainer.ask(CHAT)
    with tiny("bert-class").explainer() as explainer, pytest.raises(InputError, match="Classification reads a text, not the messages"):
        explainer.ask(CHAT)


def test_spans_of_a_text_are_those_that_were_typed() -> None:
    with TokenExplainer.from_pretrained("t5-mini", task="classification") as explainer:
        encoding = explainer.ask(Question("A fine film.", spans=[{"start": 2, "end": 6, "name": "praise"}])).encoding
        assert [encoding.text[span.start : span.end] for span in encoding.spans] == ["fine"]
        with pytest.raises(InputError, match="span 2 to 99 lies outside the text, which has 12 characters"):
            explainer.ask(Question("A fine film.", spans=[{"start": 2, "end": 99}]))
        with pytest.raises(InputError, match="there are no messages"):
            explainer.ask(Question("A fine film.", spans=[{"start": 2, "end": 3, "message": 0}]))
