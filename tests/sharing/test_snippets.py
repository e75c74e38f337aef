"""The snippets give the same numbers again, fit the endpoints' signatures, and stay valid Python for any text."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explain import Explanation, InputError, TokenExplainer
from explain.defaults import DEFAULT_METHODS
from explain.models.tasks import TASKS
from explain.sharing.request import Request
from explain.sharing.snippets import ENDPOINT_ARGUMENTS, client_snippet, python_snippet

URL = "http://127.0.0.1:7860"
REQUESTS = {
    "classification": Request(
        "classification",
        'It\'s "not" a\ngood \\ movie.',
        "bert-mini",
        ["lrp", "shap"],
        "positive",
        "negative",
        "probability",
        options={"shap": {"seed": 3}},
    ),
    "masked_lm": Request("masked_lm", "[MASK] work in a [MASK].", "bert-mini", ["input_x_gradient"], "school", position=1),
    "next_token": Request("next_token", "The keys to the cabinet", "gpt2-mini", DEFAULT_METHODS, " are", " is"),
    "span_infilling": Request("span_infilling", "He was born in ___ and died in ___.", "t5-mini", ["occlusion"], position=1, step=0),
    "generation": Request("generation", "The president said that", "gpt2-mini", ["input_x_gradient"], " the country was ready", step=1),
    "embedding": Request("embedding", "The cat sat on the mat.", "bert-mini", ["integrated_gradients"]),
}


def call_of(code: str, name: str) -> ast.Call:
    """The only call of a method with this name."""
    calls = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == name]
    assert len(calls) == 1
    return calls[0]


def arguments_of(call: ast.Call) -> tuple[list[Any], dict[str, Any]]:
    return [ast.literal_eval(a) for a in call.args], {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}


def test_every_task_has_a_request_here() -> None:
    assert set(REQUESTS) == set(TASKS) == set(ENDPOINT_ARGUMENTS)


@pytest.mark.parametrize("task", REQUESTS)
def test_the_python_snippet_gives_the_same_scores(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    request = REQUESTS[task]
    with TokenExplainer.from_pretrained(request.model, task=task) as explainer:
        expected = explainer.analyze(**request.arguments)
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
    from explain.interface import endpoints

    request = REQUESTS[task]
    code = client_snippet(request, URL)
    positional, keywords = arguments_of(call_of(code, "predict"))
    assert keywords.pop("api_name") == f"/{task}"
    signature = inspect.signature(getattr(endpoints, task))
    assert set(ENDPOINT_ARGUMENTS[task]) == set(signature.parameters) - {"text", "model", "methods", "options", "maps"}
    bound = signature.bind(*positional, **keywords)
    bound.apply_defaults()
    asked = dict(bound.arguments)
    assert not asked.pop("maps")
    assert tuple(asked.pop("methods") or DEFAULT_METHODS) == tuple(request.methods)
    assert (asked.pop("options") or {}) == request.options
    assert asked == {name: getattr(request, name) for name in asked}
    assert ast.unparse(next(n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Call) and ast.unparse(n.func) == "Client")) == (
        f"Client({URL!r})"
    )


def test_defaults_are_not_written() -> None:
    code = python_snippet(Request("classification", "Good.", "bert-mini", DEFAULT_METHODS))
    assert code == (
        "from explain import TokenExplainer\n\n"
        'explainer = TokenExplainer.from_pretrained("bert-mini", task="classification")\n'
        'explanation = explainer.analyze("Good.")\n'
        "print(explanation.to_frame())\n"
    )
    assert arguments_of(call_of(client_snippet(Request("embedding", "Good.", "bert-mini", DEFAULT_METHODS), URL), "predict")) == (
        ["Good."],
        {"model": "bert-mini", "api_name": "/embedding"},
    )


def test_a_revision_is_pinned() -> None:
    code = python_snippet(Request("masked_lm", "A [MASK].", "owner/name", ["lrp"]), revision="abc123")
    assert arguments_of(call_of(code, "from_pretrained")) == (["owner/name"], {"task": "masked_lm", "revision": "abc123"})


ANY_TEXT = st.text(st.characters(), max_size=80)  # lone surrogates too


@given(text=ANY_TEXT, target=ANY_TEXT, value=st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=200, deadline=None)
def test_any_text_stays_what_it_is(text: str, target: str, value: Any) -> None:
    request = Request("classification", text, text, ["lrp", target], target, options={target: {text: value}})
    for code in (python_snippet(request), client_snippet(request, text)):
        name = "analyze" if "TokenExplainer" in code.split("\n")[0] else "predict"
        positional, keywords = arguments_of(call_of(code, name))
        assert positional == [text]
        assert (keywords["target"], keywords["methods"], keywords["options"]) == (target, ["lrp", target], {target: {text: value}})
        compile(code.encode("utf-8", "strict"), "snippet", "exec")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request("embedding", "a", "bert-mini", ["lrp"], unit="logit"), "/embedding takes no unit, got 'logit'"),
        (Request("classification", "a", "bert-mini", ["lrp"], position=0), "/classification takes no position, got 0"),
        (Request("classification", "a", "bert-mini", ["lrp"], 1), "takes the target as text, got the index 1"),
        (Request("poetry", "a", "bert-mini", ["lrp"]), "task 'poetry' is not known"),
    ],
)
def test_what_an_endpoint_does_not_take_is_said(request_: Request, message: str) -> None:
    with pytest.raises(InputError, match=message):
        client_snippet(request_, URL)
