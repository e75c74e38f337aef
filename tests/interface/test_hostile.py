"""Whatever JSON allows gets a result or a message that says what to give; generated from the table of parameters, over every endpoint.

`EXPLAIN_FUZZ` sets how many requests are made for each endpoint (15; with 110 there are more than 2,000).
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from zoo import Tiny, tiny

from explain.errors import InputError
from explain.explainer import TokenExplainer
from explain.interface.endpoints import endpoints
from explain.interface.endpoints.endpoint import Endpoint
from explain.interface.endpoints.parameters import PARAMETERS, described
from explain.interface.limits import limits
from explain.interface.serving import guarded
from explain.methods.catalog import METHODS
from explain.models import hub, loading
from explain.models.bundled import bundled_names
from explain.models.explained_model import ExplainedModel
from explain.models.tasks import TASKS

CASES = int(os.environ.get("EXPLAIN_FUZZ", "15"))
ENDPOINTS = {endpoint.name: endpoint for endpoint in endpoints()}
LONGEST_MESSAGE = 700
TINY = {
    "masked_lm": "bert-masked",
    "classification": "bert-class",
    "next_token": "gpt2-next",
    "span_infilling": "t5-span",
    "generation": "gpt2-generation",
    "embedding": "bert-embed",
}
TEXTS = {"masked_lm": "a [MASK] film", "span_infilling": "a ___ film"}
WELL: dict[str, Any] = {
    "text": "a good film",
    "texts": ["a good film", "a bad film"],
    "templates": ["a {good|bad} film"],
    "keywords": ["film"],
    "methods": ["lrp"],
    "orders": 2,
    "beam": 1,
}
"""What makes a cheap request; all else is left out."""


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """Tiny models under the names of those on board, no network, and limits that keep every request short."""
    made: dict[str, Tiny] = {task: tiny(name) for task, name in TINY.items()}
    made["generation"].tokenizer.chat_template = "{% for m in messages %}{{ m['content'] + ' ' }}{% endfor %}"
    made["classification"].model.config.id2label = {0: "negative", 1: "positive", 2: "neutral"}
    locate = loading._locate

    def load(name: str, *, task: str, revision: str | None = None, **more: Any) -> ExplainedModel:
        locate(name.strip(), revision)
        found = made[task].explainer(**more).model
        found.name = name.strip()
        return found

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "load_model", load)
        patch.setattr(hub.HfApi, "model_info", unreachable)
        for variable, value in {"CHARACTERS": 300, "TOKENS": 60, "TEXTS": 4, "FILLINGS": 6, "KEYWORDS": 4, "PASSES": 400}.items():
            patch.setenv(f"EXPLAIN_MAX_{variable}", str(value))
        patch.setenv("EXPLAIN_MAX_FILE_BYTES", "100000")
        yield


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    found: dict[str, Any] = ENDPOINTS["card"].function("a good film", methods=["lrp"])
    return found


def well(endpoint: Endpoint, card: dict[str, Any]) -> dict[str, Any]:
    """A request that is answered."""
    task = str(endpoint.fixed.get("task") or {item.name: item.default for item in endpoint.parameters}.get("task"))
    values = {item.name: WELL[item.name] for item in endpoint.parameters if item.name in WELL}
    if endpoint.name == "template":
        values |= {"target": "film", "templates": ["a {good|bad} [MASK]"]}
    if "text" in values:
        values["text"] = TEXTS.get(task, values["text"])
    if endpoint.name == "context":
        values |= {"messages": [{"role": "user", "content": "a good film"}], "target": "bad", "segments": "words"}
    if endpoint.name == "compare_answers":
        values |= {"target": "bad", "foil": "good"}
    if endpoint.name == "agreement":
        values["methods"] = ["lrp", "attention"]
    return {**values, "card": copy.deepcopy(card)} if endpoint.name == "replay" else values


EXTREME = [1e9, 10**30, -1, 2**31, 2**63, float("nan"), float("inf")]
NUMBERS = st.one_of(st.integers(), st.integers(-3, 12), st.floats(), st.sampled_from(EXTREME))
PATHS = ["../../etc", "/etc/passwd", "~nobody", "~", "http://localhost:1/x", "a\0b", "🔦" * 190, "owner/name", "bert-mini", "gpt2-mini"]
MARKUP = ["=cmd|' /C calc'!A0", "<img src=x onerror=alert(1)>", "{a|b} {a|b}", "{", "", " ", "\ud800", "x" * 500, "w " * 20_000]
NAMES = [*METHODS, *TASKS, "auto", "mask", "pad", "zero", "mean", "words", "logit", "probability", "positive", "[MASK]", "___"]
TEXT = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(codec=None, exclude_categories=()), max_size=12),
    *(st.sampled_from(known) for known in (PATHS, MARKUP, NAMES)),
)
PLAIN = st.one_of(st.none(), st.booleans(), NUMBERS, TEXT)
ANYTHING = st.recursive(
    PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=3)), max_leaves=8
) | st.sampled_from([[], {}, ["a"] * 10_000, [[]], [{}], {"shap": None}, ["lrp", "lrp"], [["lrp"]]])


@st.composite
def options(draw: DrawFn) -> dict[str, Any]:
    """Options as they are, but for their values."""
    method = draw(st.sampled_from(list(METHODS)))
    names = [option.name for option in METHODS[method].option_fields()] or ["none"]
    return {method: draw(st.dictionaries(st.sampled_from(names), PLAIN | ANYTHING, max_size=3))}


@st.composite
def cards(draw: DrawFn, card: dict[str, Any]) -> Any:
    """A card with something else in one place, or without it, or with more."""
    found = copy.deepcopy(card)
    place: Any = found
    for _ in range(draw(st.integers(0, 3))):
        deeper = [value for value in (place.values() if isinstance(place, dict) else place) if isinstance(value, dict | list) and value]
        if not deeper:
            break
        place = draw(st.sampled_from(deeper))
    if isinstance(place, list):
        place[draw(st.integers(0, len(place) - 1))] = draw(ANYTHING)
    elif draw(st.booleans()):
        place[draw(st.sampled_from(list(place)))] = draw(ANYTHING)
    elif draw(st.booleans()):
        place.pop(draw(st.sampled_from(list(place))))
    else:
        place[draw(TEXT)] = draw(ANYTHING)
    return found


def hostile(name: str, card: dict[str, Any]) -> SearchStrategy[Any]:
    if name == "options":
        return options() | ANYTHING
    if name == "card":
        return cards(card) | ANYTHING
    if name in ("texts", "templates", "keywords", "methods"):
        return st.lists(TEXT, max_size=4) | ANYTHING
    return PLAIN | ANYTHING


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_hostile_request_gets_a_result_or_a_clear_message(name: str, card: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = ENDPOINTS[name]
    asked = guarded(endpoint.function, page=False)

    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        derandomize="EXPLAIN_FUZZ" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def attack(data: st.DataObject) -> None:
        values = well(endpoint, card)
        names = [item.name for item in endpoint.parameters]
        for wrong in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)):
            values[wrong] = data.draw(hostile(wrong, card))
        message, cause = refusal(asked, values)
        assert not message.startswith("Something went wrong"), repr(cause)
        assert not message or 10 < len(message) <= LONGEST_MESSAGE, message

    attack()


def refusal(asked: Callable[..., Any], values: dict[str, Any]) -> tuple[str, BaseException | None]:
    """What a visitor is told, and why; nothing if there is a result, which can be sent as JSON."""
    try:
        json.dumps(asked(**values))
    except gr.Error as error:
        return str(error.message).encode().decode(), error.__cause__
    return "", None


@pytest.mark.parametrize("name", [name for name in ENDPOINTS if name != "ground_truth"])  # a random model answers none of its pairs
def test_the_request_that_is_varied_is_answered(name: str, card: dict[str, Any]) -> None:
    endpoint = ENDPOINTS[name]
    json.dumps(endpoint.function(**well(endpoint, card)))


WRONG: dict[str, list[Any]] = {
    "text": [None, 7, ["a"], "\ud800", "a " * 200],
    "texts": [None, "a film", [], ["a", None], [1], ["a"] * 5],
    "task": [3, "magic", ["masked_lm"]],
    "model": [7, True, "x" * 500, "", "a\0b", ["bert-mini"]],
    "methods": ["lrp", [], [None], [["lrp"]], ["a"] * 51, ["m" * 101]],
    "target": [1e9, True, ["a"], {"a": 1}, float("nan")],
    "foil": [1.5, False, []],
    "position": [-1, 1.0, "0", True, 2**31],
    "step": [-1, "last", float("inf")],
    "options": ["lrp", ["lrp"], {"shap": None}, {"shap": {"evaluations": float("nan")}}, {"shap": {"seed": [1]}}],
    "maps": [1, "yes"],
    "off": ["half", 0],
    "seed": [-1, 0.5, "0", 2**31],
    "orders": [1, 201],
    "beam": [0, 65],
    "k": [0, 1.5],
    "card": [None, [], "card", {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}, {"a": "x" * 100_001}],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_the_message_names_the_parameter_what_was_given_and_what_to_give(name: str, value: Any) -> None:
    parameter = PARAMETERS[name]
    with pytest.raises(InputError) as found:
        parameter.check(value, limits())
    message = str(found.value)
    assert message.startswith(f"'{name}' ({parameter.help}) must be ")
    assert message.endswith(f", got {described(value)}.")
    assert len(message) <= LONGEST_MESSAGE


@pytest.mark.parametrize("name", [name for name, parameter in PARAMETERS.items() if not parameter.needed])
def test_null_is_what_was_left_out(name: str) -> None:
    parameter = PARAMETERS[name]
    assert parameter.check(None, limits()) is parameter.default


def test_names_on_board_are_asked_with_tiny_models_here() -> None:
    assert "bert-mini" in bundled_names()
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        assert explainer.model.model.config.hidden_size < 64
