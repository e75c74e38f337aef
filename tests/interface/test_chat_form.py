"""The chat in the question form, and the view of segments: what is typed is asked, and what is asked stands in the form again."""

from __future__ import annotations

import re
from typing import Any

import gradio as gr
import pytest
from chats import chatty
from copying import copying, prompt

from explain import InputError, Question
from explain.interface.tabs.answer import Answer, Seen
from explain.interface.tabs.chat import chat_of, filled_chat
from explain.interface.tabs.options import OptionsForm
from explain.interface.tabs.parts import parts_from, typed_parts
from explain.interface.tabs.passage import extended, pieces, places_of, sentence_with, steps_in
from explain.interface.tabs.question import QuestionForm, read_span, written_span
from explain.interface.tabs.segment_tables import judged
from explain.interface.tabs.segments import ALL, LEVELS, ZOOM, SegmentsView, zoomed
from explain.interface.work.context import context_of
from explain.interface.work.explaining import explain
from explain.models.tasks.passage import passage_steps
from explain.segments import Granularity, label_of
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
        options = OptionsForm()
    values: dict[Any, Any] = {part: part.value for part in form.inputs | options.inputs}
    typed = {**values, **{form[name]: value for name, value in TYPED.items()}}
    request = form.request(typed, options)
    assert request.question == Question(messages=MESSAGES, documents=DOCUMENTS)
    filled = form.filled(request)
    assert {name: filled[form[name]] if name != "text" else filled[form["text"]]["value"] for name in TYPED} == TYPED
    assert form.request({**typed, form["task"]: "classification"}, options).question.text == TYPED["text"]
    assert form.request(values, options).question == Question("A text.")


@pytest.mark.parametrize("template", ["chatml", "mistral"])
def test_every_token_of_an_answer_is_found_in_its_text(template: str) -> None:
    with chatty(template).explainer() as explainer:
        text = "It was: very   good.\nNot bad, é ☃ 好 — no! It was it."
        said = explainer.ask([{"role": "user", "content": "the plot?"}], target=text).prediction
        ids = [step.index for step in said.steps]
        places = places_of(said)
        written = [step for step, (start, end) in enumerate(places) if start < end]
        for step, following in zip(written, [*written[1:], len(ids)], strict=True):
            first, end = passage_steps(explainer.model, ids, places[step])
            whole = said.steps[step].text.strip() == said.text[slice(*places[step])]
            assert (first, end) == (step, step + 1) if whole else step <= first < end <= following
    shown = pieces(said)
    assert "".join(part for part, _ in shown) == said.text
    assert sum(step is not None for _, step in shown) == sum(start < end for start, end in places)
    first, last = sentence_with(said, next(step for step, place in enumerate(places) if said.text[slice(*place)] == "no"))
    assert said.text[places[first][0] : places[last][1]] == "Not bad, é ☃ 好 — no!"
    assert steps_in(said, "Not bad") == steps_in(said, (said.text.index("Not"), said.text.index(", é")))


def test_a_passage_grows_to_what_is_clicked_beyond_it_and_begins_anew_within() -> None:
    assert extended(None, 4, 6) == (4, 6)
    assert extended((4, 6), 8, 8) == (4, 8)
    assert extended((4, 6), 1, 2) == (1, 6)
    assert extended((1, 8), 3, 3) == (3, 3)
    for span in ("the words", (3, 12)):
        assert read_span(written_span(span)) == span


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seen, int]:
    path = tmp_path_factory.mktemp("copying")
    made = copying()
    made.model.save_pretrained(path)
    made.tokenizer.save_pretrained(path)
    messages, documents, answer, chosen = prompt(2, documents=4)
    request = Request("generation", str(path), Question(messages=messages, documents=documents, target=answer), ["lrp", "occlusion"])
    return Seen(Answer(request, explain(request), finished=True)), chosen


TWO = [
    {"title": "Minutes", "text": "Ann was there. So was Bob.\n\nThey said that it was good."},
    {"text": "It rained. Nobody came to see it."},
]


def test_sums_are_kept_from_a_document_to_its_tokens() -> None:
    question = Question(
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who was there? Say it in a word."}],
        documents=TWO,
        target="Ann was.",
        spans=[{"start": 0, "end": 9, "message": 1, "name": "who"}],
    )
    with chatty().explainer() as explainer:
        explanation = explainer.analyze(question, ["input_x_gradient"])
    depths, zooms = set(), 0
    for level in LEVELS:
        waiting: list[list[str]] = [[]]
        while waiting:
            path = waiting.pop()
            trail, sums = zoomed(explanation, level, [*path, ALL])
            depths.add((level, len(path)))
            choices, made = trail[-1]
            assert made == ALL
            for label, key in choices:
                _, parts = zoomed(explanation, level, [*path, key])
                numbers = [number for number, segment in enumerate(sums.segments) if key.endswith(f":{number}")]
                segment = next(n for n in numbers if label_of(sums.segments[n]) == label)
                assert parts["input_x_gradient"].sum() == pytest.approx(sums["input_x_gradient"][segment], abs=1e-9)
                assert {i for part in parts.segments for i in part.indices} == set(sums.segments[segment].indices)
                zooms += 1
                if len(path) + 1 < len(ZOOM):
                    waiting.append([*path, key])
    assert {("documents", 2), ("messages", 2), ("spans", 1), ("sentences", 1), ("words", 1), ("tokens", 0)} <= depths
    assert zooms > 20
    assert zoomed(explanation, LEVELS[0], ["/messages:0", "", ""])[0][0][1] == ALL


def test_parts_are_marked_by_their_words() -> None:
    text = "The film was good. The film: was it? It was."
    typed = "film\nsaid: film: was\nThe … it?"
    with pytest.raises(InputError, match="The part 'The … it\\?' does not stand in the text, or another part has it"):
        parts_from(typed, {"text": text})
    typed = "film\nsaid: film: was\nend: It … was."
    spans = parts_from(typed, {"text": text})
    assert spans is not None
    assert [(text[span["start"] : span["end"]], span.get("name", "")) for span in spans] == [
        ("film", ""),
        ("film: was", "said"),
        ("It was.", "end"),
    ]
    assert typed_parts(Question(text, spans=spans)) == "film\nsaid: film: was\nend: It was."
    found = parts_from("brief\nAnn", {"messages": MESSAGES})
    assert found == [{"start": 3, "end": 8, "message": 0}, {"start": 0, "end": 3, "message": 2}]
    assert parts_from(" \n", {"text": text}) is None


def test_the_view_of_segments_sums_zooms_and_traces(seen: tuple[Seen, int]) -> None:
    what, chosen = seen
    with gr.Blocks(), gr.Tabs():
        view = SegmentsView()
    values: dict[Any, Any] = {part: part.value for part in view.components}
    drawn = view.draw(what, values)
    assert drawn[view["level"]]["choices"] == ["documents", "messages", "sentences", "paragraphs", "words", "tokens"]
    assert drawn[view["level"]]["value"] == "documents"
    assert [label for label, _ in drawn[view["inside"]]["choices"]][1:] == [f"document {n}" for n in range(1, 5)]
    assert drawn[view["trace"]]["visible"]
    explanation = what.explanation
    numbers = [float(n) for n in re.findall(r">([+-][\d.]+)</td>", drawn[view["table"]])]
    assert sum(numbers[:-2:2]) == pytest.approx(numbers[-2], abs=1e-3)  # what all of them sum to
    assert numbers[-2] == pytest.approx(explanation["lrp"].scores.sum(), abs=1e-3)
    assert f"title='document {chosen + 1}: +" in drawn[view["text"]]
    inside = drawn[view["inside"]]["choices"][1 + chosen][1]
    parts = view.draw(what, {**values, view["inside"]: inside})
    assert parts[view["table"]].count("<tr><th scope='row'>") == 4  # the document is one sentence: its tokens, and what all of them sum to
    assert not parts[view["deeper"]]["visible"]
    found = context_of(what.answer.request, Granularity.DOCUMENTS)
    traced = view.draw(what, {**values, view["traced"]: ((what.answer.request, Granularity.DOCUMENTS), found)})
    assert traced[view["method"]]["value"] == "lrp"
    assert f"document {chosen + 1}" in traced[view["judged"]]
    assert traced[view["judged"]] == judged(found)
    assert len(re.findall(r"</td>", traced[view["answer"]])) == 4
