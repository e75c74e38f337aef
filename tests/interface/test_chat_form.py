"""The chat in the question form, and the view of segments: what is typed is asked, and what is asked stands in the form again."""

from __future__ import annotations

import re
from typing import Any

import gradio as gr
import pytest
from copying import copying, prompt

from explain import InputError, Question
from explain.interface.tabs.answer import Answer, Seen
from explain.interface.tabs.chat import chat_of, filled_chat
from explain.interface.tabs.options import OptionWidgets
from explain.interface.tabs.question import QuestionForm
from explain.interface.tabs.segments import SegmentsView, judged
from explain.interface.work.context import context_of
from explain.interface.work.explaining import explain
from explain.segments import Granularity
from explain.sharing.request import Request

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Who was there?\nSay it."},
    {"role": "assistant", "content": "Ann: she was."},
    {"role": "user", "content": "And who else?"},
]
DOCUMENTS = [{"title": "Minutes", "text": "Ann and Bob.\n\nNobody else."}, {"text": "It rained."}]
TYPED = {
    "text": "And who else?",
    "chat": True,
    "system": "Be brief.",
    "turns": "User: Who was there?\nSay it.\nAssistant: Ann: she was.",
    "documents": "# Minutes\nAnn and Bob.\n\nNobody else.\n---\nIt rained.",
}


def test_what_is_typed_is_a_chat_and_stands_in_the_form_again() -> None:
    question = Question(messages=MESSAGES, documents=DOCUMENTS)
    assert Question(**chat_of(TYPED)) == question
    assert filled_chat(question) == TYPED
    assert filled_chat(Question("A text.")) == {"text": "A text.", "chat": False, "system": "", "turns": "", "documents": ""}
    begun = Question(messages=MESSAGES[:3])
    assert Question(**chat_of(filled_chat(begun))) == begun
    with pytest.raises(InputError, match="Begin every earlier turn with User: or Assistant:, got 'Hello"):
        chat_of({**TYPED, "turns": "Hello\nUser: Who?"})
    with pytest.raises(InputError, match="The assistant's message is empty"):
        Question(**chat_of({**TYPED, "turns": "User: Who?\nAssistant:"}))


def test_the_form_asks_a_chat_where_the_task_reads_one() -> None:
    with gr.Blocks():
        form = QuestionForm("explain", task="generation", text="A text.", button="Explain", chats=True)
        options = OptionWidgets({})
    values: dict[Any, Any] = {part: part.value for part in form.components | options.components}
    typed = {**values, **{form[name]: value for name, value in TYPED.items()}}
    request = form.request(typed, options)
    assert request.question == Question(messages=MESSAGES, documents=DOCUMENTS)
    filled = form.filled(request)
    assert {name: filled[form[name]] if name != "text" else filled[form["text"]]["value"] for name in TYPED} == TYPED
    assert form.request({**typed, form["task"]: "classification"}, options).question.text == TYPED["text"]
    assert form.request(values, options).question == Question("A text.")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seen, int]:
    path = tmp_path_factory.mktemp("copying")
    made = copying()
    made.model.save_pretrained(path)
    made.tokenizer.save_pretrained(path)
    messages, documents, answer, chosen = prompt(2, documents=4)
    request = Request("generation", str(path), Question(messages=messages, documents=documents, target=answer), ["lrp", "occlusion"])
    return Seen(Answer(request, explain(request), finished=True)), chosen


def test_the_view_of_segments_sums_zooms_and_traces(seen: tuple[Seen, int]) -> None:
    what, chosen = seen
    with gr.Blocks(), gr.Tabs():
        view = SegmentsView()
    values: dict[Any, Any] = {part: part.value for part in view.components}
    drawn = view.draw(what, values)
    assert drawn[view["level"]]["choices"] == ["documents", "messages", "sentences", "paragraphs"]
    assert drawn[view["level"]]["value"] == "documents"
    assert [label for label, _ in drawn[view["inside"]]["choices"]][1:] == [f"document {n}" for n in range(1, 5)]
    assert drawn[view["trace"]]["visible"]
    explanation = what.explanation
    numbers = [float(n) for n in re.findall(r">([+-][\d.]+)</td>", drawn[view["table"]])]
    assert sum(numbers[::2]) == pytest.approx(explanation["lrp"].scores.sum(), abs=1e-3)
    inside = drawn[view["inside"]]["choices"][1 + chosen][1]
    parts = view.draw(what, {**values, view["inside"]: inside})[view["table"]]
    assert parts.count("<tr><th scope='row'>") == 1  # the document is one sentence
    found = context_of(what.answer.request, Granularity.DOCUMENTS)
    traced = view.draw(what, {**values, view["traced"]: ((what.answer.request, Granularity.DOCUMENTS), found)})
    assert traced[view["method"]]["value"] == "lrp"
    assert f"document {chosen + 1}" in traced[view["judged"]]
    assert traced[view["judged"]] == judged(found)
    assert len(re.findall(r"</td>", traced[view["answer"]])) == 4
