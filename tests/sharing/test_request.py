"""A request is plain, flat JSON with what is not left open, and refuses what JSON cannot carry."""

from __future__ import annotations

import dataclasses
import json

import pytest

from explain import InputError, Question, TokenExplainer, Unit
from explain.defaults import DEFAULT_METHODS
from explain.sharing.request import KINDS, LATER, Request

FULL = Request(
    "classification",
    "t5-mini",
    Question("Good.", "good", "bad", Unit.PROBABILITY, 1, 2),
    ["lrp", "shap"],
    {"shap": {"seed": 3}},
    ["bad", "good"],
    "sst2 sentence: ",
    "mean",
)


def test_every_field_is_written_flat_and_read_back() -> None:
    values = FULL.to_dict()
    assert set(values) == set(KINDS) - set(LATER)
    assert set(KINDS) == {item.name for kind in (Request, Question) for item in dataclasses.fields(kind)} - {"question"}
    assert Request.from_dict(json.loads(json.dumps(values))) == FULL


def test_what_is_left_open_is_not_written() -> None:
    request = Request("masked_lm", "bert-mini", Question("A [MASK]."))
    assert request.to_dict() == {"task": "masked_lm", "text": "A [MASK].", "model": "bert-mini", "methods": list(DEFAULT_METHODS)}
    assert Request.from_dict(request.to_dict()) == request
    empty = Request("masked_lm", "bert-mini", Question("", target=""), [], prefix="")
    assert Request.from_dict(empty.to_dict()) == empty


def test_a_chat_is_read_back() -> None:
    question = Question(
        messages=[{"role": "user", "content": "Who?"}],
        documents=[{"text": "Ann.", "title": "Minutes"}],
        spans=[{"start": 0, "end": 3, "message": 0}],
        span=(0, 3),
    )
    request = Request("generation", "a/b", question)
    assert Request.from_dict(json.loads(json.dumps(request.to_dict()))) == request
    assert set(request.record) - {"task", *LATER} == {"text", "target", "foil", "unit", "position", "step"}
    with pytest.raises(InputError, match="The role 'bot' is not known"):
        Request.from_dict({**request.to_dict(), "messages": [{"role": "bot", "content": "Who?"}]})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**400, "\ud800", [1]])
def test_an_option_that_json_cannot_carry_is_refused(value: object) -> None:
    request = Request("classification", "bert-mini", Question("a"), ["lrp"], {"lrp": {"x": value}})
    with pytest.raises(InputError, match="'options' must be an object"):
        request.to_dict()


@pytest.mark.parametrize(
    ("question", "field"),
    [
        (Question("\ud800"), "text"),
        (Question("a", target="\udfff"), "target"),
        (Question("a", target=1.5), "target"),  # type: ignore[arg-type]
        (Question("a", foil=True), "foil"),
        (Question("a", position=True), "position"),
        (Question("a", step=2**63), "step"),
    ],
)
def test_a_question_that_json_cannot_carry_is_refused(question: Question, field: str) -> None:
    with pytest.raises(InputError, match=f"field '{field}' must be"):
        Request("classification", "bert-mini", question).to_dict()


def test_it_loads_the_model_that_is_asked() -> None:
    with TokenExplainer.from_pretrained(**FULL.loading) as explainer:
        assert (explainer.model.name, explainer.model.task.name) == ("t5-mini", "classification")
        assert (explainer.model.task.labels, explainer.model.task.prefix) == (("bad", "good"), "sst2 sentence: ")


def test_label_words_for_a_model_that_reads_none_are_refused() -> None:
    for task, more in (("classification", {"labels": ["bad", "good"]}), ("masked_lm", {"prefix": "film: "})):
        with pytest.raises(InputError, match="Label words and a prefix are for classification by a text-to-text model"):
            TokenExplainer.from_pretrained("bert-mini", task=task, **more)


def test_an_option_that_has_another_name_today_is_understood() -> None:
    old = {"task": "classification", "text": "fine", "model": "bert-mini", "methods": ["occlusion", "shap"]}
    found = Request.from_dict({**old, "options": {"occlusion": {"players": "words"}, "shap": {"players": "words"}}})
    assert found.options == {"occlusion": {"granularity": "words"}, "shap": {"players": "words"}}
