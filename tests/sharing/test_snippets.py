"""The snippets give the same numbers again, fit the endpoints' signatures, and stay valid Python for any text."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explain import Explanation, InputError, Question, TokenExplainer, Unit
from explain.defaults import DEFAULT_METHODS
from explain.models.tasks import TASKS, task_class
from explain.sharing.request import Request
from explain.sharing.snippets import client_snippet, python_snippet

URL = "http://127.0.0.1:7860"
REQUESTS = {
    "classification": Request(
        "classification",
        "bert-mini",
        Question('It\'s "not" a\ngood \\ movie.', "positive", "negative", Unit.PROBABILITY),
        ["lrp", "shap"],
        {"shap": {"seed": 3}},
    ),
    "masked_lm": Request("masked_lm", "bert-mini", Question("[MASK] work in a [MASK].", "school", position=1), ["input_x_gradient"]),
    "next_token": Request("next_token", "gpt2-mini", Question("The keys to the cabinet", " are", " is")),
    "span_infilling": Request(
        "span_infilling", "t5-mini", Question("He was born in ___ and died in ___.", position=1, step=0), ["occlusion"]
    ),
    "generation": Request("generation", "gpt2-mini", Question("The president said that", " the country was ready", step=1), ["occlusion"]),
    "embedding": Request("embedding", "bert-mini", Question("The cat sat on the mat."), ["integrated_gradients"]),
}
BESIDE = {"text", "model", "methods", "options", "maps", "messages", "documents", "spans", "by"}


def call_of(code: str, name: str) -> ast.Call:
    """The only call of a method with this name."""
    calls = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == name]
    assert len(calls) == 1
    return calls[0]


def arguments_of(call: ast.Call) -> tuple[list[Any], dict[str, Any]]:
    return [ast.literal_eval(a) for a in call.args], {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}


def test_every_task_has_a_request_here() -> None:
    assert set(REQUESTS) == set(TASKS)


@pytest.mark.parametrize("task", REQUESTS)
def test_the_python_snippet_gives_the_same_scores(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    request = REQUESTS[task]
    with TokenExplainer.from_pretrained(request.model, task=task) as explainer:
        expected = explainer.analyze(request.question, request.methods, options=request.options)
    names: dict[str, Any] = {}
    exec(compile(python_snippet(request), "snippet", "exec"), names)
    names["explainer"].close()
    result = names["explanation"]
    assert isinstance(result, Explanation)
    assert (result.target, result.foil, result.unit, result.tokens) == (expected.target, expected.foil, expected.unit, expected.tokens)
    assert [a.method for a in result] == [a.method for a in expected]
    for mine, other in zip(result, expected, strict=True):
        np.testing.assert_allclose(mine.scores, other.scores, rtol=1e-6, atol=1e-9)
        assert mine.options == other.options
    assert str(result.to_frame()) in capsys.readouterr().out


@pytest.mark.parametrize("task", REQUESTS)
def test_the_client_snippet_fits_the_endpoint(task: str) -> None:
    from explain.interface.endpoints.explaining import task_endpoints

    request = REQUESTS[task]
    code = client_snippet(request, URL)
    positional, keywords = arguments_of(call_of(code, "predict"))
    assert keywords.pop("api_name") == f"/{task}"
    signature = next(endpoint.signature for endpoint in task_endpoints() if endpoint.name == task)
    assert set(task_class(task).asks) == set(signature.parameters) - BESIDE
    bound = signature.bind(*positional, **keywords)
    bound.apply_defaults()
    asked = dict(bound.arguments)
    assert not asked.pop("maps")
    assert asked.pop("by") is None
    assert tuple(asked.pop("methods") or DEFAULT_METHODS) == tuple(request.methods)
    assert (asked.pop("options") or {}) == request.options
    assert asked.pop("model") == request.model
    assert asked == {name: getattr(request.question, name) for name in asked}
    assert ast.unparse(next(n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Call) and ast.unparse(n.func) == "Client")) == (
        f"Client({URL!r})"
    )


def test_a_chat_is_written_as_its_messages() -> None:
    chat = [{"role": "user", "content": "Who?"}]
    request = Request("generation", "some/model", Question(messages=chat, documents=[{"text": "Ann."}], span=(0, 3), target="Ann did."))
    positional, keywords = arguments_of(call_of(python_snippet(request), "analyze"))
    assert (positional, keywords) == ([chat], {"target": "Ann did.", "span": [0, 3], "documents": [{"text": "Ann."}]})
    positional, keywords = arguments_of(call_of(client_snippet(request, URL), "predict"))
    assert positional == [""]
    assert keywords == {
        "model": "some/model",
        "target": "Ann did.",
        "span": [0, 3],
        "messages": chat,
        "documents": [{"text": "Ann."}],
        "api_name": "/generation",
    }
    with pytest.raises(InputError, match="/classification takes no messages"):
        client_snippet(Request("classification", "bert-mini", Question(messages=chat)), URL)


def test_two_answers_are_written_as_their_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    question = Question("The president said that", target=" the country was ready", foil=" it was late")
    request = Request("generation", "gpt2-mini", question, ["input_x_gradient"], measure="sum")
    code = python_snippet(request)
    names: dict[str, Any] = {}
    exec(compile(code, "snippet", "exec"), names)
    assert (names["explanation"].target.text, names["explanation"].foil.text) == ("the country was ready", "it was late")
    assert names["explanation"]["input_x_gradient"].output == pytest.approx(_summed(names["explainer"], question), abs=1e-4)
    names["explainer"].close()
    positional, keywords = arguments_of(call_of(client_snippet(request, URL), "predict"))
    assert positional == [question.text]
    asked = {"task": "generation", "model": "gpt2-mini", "methods": ["input_x_gradient"], "measure": "sum"}
    assert keywords == {**asked, "target": question.target, "foil": question.foil, "api_name": "/compare_answers"}


def _summed(explainer: TokenExplainer, question: Question) -> float:
    """The sums of both answers' log-probabilities, one minus the other."""
    one, other = (explainer.ask(question.text, target=answer).scores for answer in (question.target, question.foil))
    return sum(score.value() for score in one) - sum(score.value() for score in other)


def test_defaults_are_not_written() -> None:
    code = python_snippet(Request("classification", "bert-mini", Question("Good.")))
    assert code == (
        "from explain import TokenExplainer\n\n"
        'explainer = TokenExplainer.from_pretrained("bert-mini", task="classification")\n'
        'explanation = explainer.analyze("Good.")\n'
        "print(explanation.to_frame())\n"
    )
    assert arguments_of(call_of(client_snippet(Request("embedding", "bert-mini", Question("Good.")), URL), "predict")) == (
        ["Good."],
        {"model": "bert-mini", "api_name": "/embedding"},
    )


def test_label_words_and_their_prefix_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    request = Request("classification", "t5-mini", Question("Good."), ["occlusion"], labels=["bad", "good"], prefix="film: ")
    code = python_snippet(request)
    asked = {"task": "classification", "labels": ["bad", "good"], "prefix": "film: "}
    assert arguments_of(call_of(code, "from_pretrained")) == (["t5-mini"], asked)
    names: dict[str, Any] = {}
    exec(compile(code, "snippet", "exec"), names)
    names["explainer"].close()
    assert {candidate.text for candidate in names["explanation"].prediction.candidates} == {"bad", "good"}
    assert names["explanation"].text == "film: Good."


def test_a_revision_is_pinned() -> None:
    code = python_snippet(Request("masked_lm", "owner/name", Question("A [MASK]."), ["lrp"]), revision="abc123")
    assert arguments_of(call_of(code, "from_pretrained")) == (["owner/name"], {"task": "masked_lm", "revision": "abc123"})


ANY_TEXT = st.text(st.characters(), max_size=80)  # lone surrogates too


@given(text=ANY_TEXT, target=ANY_TEXT, value=st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=200, deadline=None)
def test_any_text_stays_what_it_is(text: str, target: str, value: Any) -> None:
    request = Request("classification", text, Question(text, target), ["lrp", target], {target: {text: value}})
    for code in (python_snippet(request), client_snippet(request, text)):
        name = "analyze" if "TokenExplainer" in code.split("\n")[0] else "predict"
        positional, keywords = arguments_of(call_of(code, name))
        assert positional == [text]
        assert (keywords["target"], keywords["methods"], keywords["options"]) == (target, ["lrp", target], {target: {text: value}})
        compile(code.encode("utf-8", "strict"), "snippet", "exec")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request("embedding", "bert-mini", Question("a", unit="logit")), "/embedding takes no unit, got 'logit'"),
        (Request("classification", "bert-mini", Question("a", position=0)), "/classification takes no position, got 0"),
        (Request("classification", "bert-mini", Question("a", 1)), "takes the target as text, got the index 1"),
        (Request("classification", "t5-mini", Question("a"), labels=["no", "yes"]), "/classification takes no labels, got ('no', 'yes')"),
        (Request("poetry", "bert-mini", Question("a")), "task 'poetry' is not known"),
    ],
)
def test_what_an_endpoint_does_not_take_is_said(request_: Request, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        client_snippet(request_, URL)
