"""Limits hold on the server, each set by its environment variable; a public server has tighter ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from explain.errors import InputError, StoppedError
from explain.interface.endpoints import endpoints
from explain.interface.limits import Limits, limits, table
from explain.interface.serving import Run
from explain.interface.work.evaluation import texts_from
from explain.interface.work.explaining import explain, iter_explanation, truncate
from explain.interface.work.prompts import prompts_from
from explain.interface.work.verdict import verdict_faithfulness, verdict_passes
from explain.models import interruption
from explain.models.hub import on_public_space
from explain.sharing.request import Request
from explain.types import Question

FIELDS = dataclasses.fields(Limits)
FIELD_NAMES = [item.name for item in FIELDS]
ENDPOINTS = {endpoint.name: endpoint.function for endpoint in endpoints()}
VARIABLES = {item.name: item.metadata["variable"] for item in FIELDS}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set."""
    for variable in (*VARIABLES.values(), "SYSTEM", "EXPLAIN_PUBLIC"):
        monkeypatch.delenv(variable, raising=False)


def request(text: str, *methods: str, task: str = "classification", **options: Any) -> Request:
    model = {"classification": "distilbert-mini", "masked_lm": "bert-mini", "generation": "gpt2-mini"}[task]
    return Request(task, model, Question(text), methods or ("lrp",), options)


@pytest.mark.parametrize("item", FIELDS, ids=FIELD_NAMES)
def test_each_limit_is_set_by_its_variable(item: dataclasses.Field[int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert getattr(limits(), item.name) == item.default
    monkeypatch.setenv("EXPLAIN_PUBLIC", "1")
    assert getattr(limits(), item.name) == item.metadata["public"] <= item.default  # type: ignore[operator]
    monkeypatch.setenv(item.metadata["variable"], "3")
    assert getattr(limits(), item.name) == 3
    for wrong in ("0", "-1", "many", "1.5", ""):
        monkeypatch.setenv(item.metadata["variable"], wrong)
        with pytest.raises(InputError, match=f"{item.metadata['variable']} must be a whole number from 1, got '{wrong}'"):
            limits()


@pytest.mark.parametrize(
    ("variable", "value", "public"), [("SYSTEM", "spaces", True), ("EXPLAIN_PUBLIC", "1", True), ("SYSTEM", "linux", False)]
)
def test_a_space_is_public(variable: str, value: str, public: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    assert on_public_space() is public
    assert (limits().passes == dataclasses.fields(Limits)[FIELD_NAMES.index("passes")].metadata["public"]) is public


def test_all_are_in_the_table() -> None:
    rows = table().splitlines()[2:]
    assert [row.split("|")[1].strip(" `") for row in rows] == list(VARIABLES.values())
    assert len(set(VARIABLES.values())) == len(VARIABLES)
    assert "| 2,000,000 | 40,000 |" in table()


def test_the_readme_has_the_table() -> None:
    assert f"\n{table()}\n" in (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


LONG = "film " * 30
REACHED: dict[str, tuple[str, dict[str, Any], str]] = {
    "characters": ("classification", {"text": "x" * 21}, r"'text' .* must be text of at most 20 characters .* \(21 characters\)"),
    "tokens": ("classification", {"text": LONG}, "This needs 30 tokens of one text that a model is given; at most 20 are taken here"),
    "texts": ("agreement", {"texts": ["a film"] * 21}, r"'texts' .* must be a list of 1 to 20 entries .* \(21 entries\)"),
    "rows": ("findings", {"texts": ["a film"] * 21}, r"'texts' .* must be a list of 1 to 20 entries .* \(21 entries\)"),
    "fillings": ("template", {"templates": ["{a|b|c|d|e} {a|b|c|d|e} [MASK]"], "target": "film"}, "25 combinations; at most 20"),
    "keywords": ("keywords", {"texts": ["a", "b"], "keywords": ["k"] * 21}, r"'keywords' .* must be a list of 1 to 20 entries"),
    "passes": ("classification", {"text": LONG, "methods": ["occlusion"]}, "This needs 31 forward passes of one request; at most 20"),
    "file_bytes": ("replay", {"card": {"format": "x" * 21}}, "'card' .* at most 8 deep and 20 bytes large"),
}


@pytest.mark.parametrize("name", REACHED)
def test_a_message_names_the_limit_and_what_was_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint, given, words = REACHED[name]
    monkeypatch.setenv(VARIABLES[name], "20")
    with pytest.raises(InputError, match=words) as found:
        ENDPOINTS[endpoint](**given)
    assert VARIABLES[name] not in str(found.value)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for every time that a model is called."""
    made: list[None] = []
    from explain.models import score

    monkeypatch.setattr(score, "checkpoint", lambda: (made.append(None), interruption.checkpoint()))
    return made


SENTENCE = "the plot is thin but the acting is wonderful and the music stays with you " * 6
DEAREST: dict[str, tuple[str, dict[str, Any]]] = {
    "shap": ("compare_prompts", {"texts": [SENTENCE] * 50, "methods": ["shap"], "options": {"shap": {"evaluations": 20_000}}}),
    "steps": (
        "agreement",
        {"texts": [SENTENCE] * 50, "methods": ["integrated_gradients"], "options": {"integrated_gradients": {"steps": 640}}},
    ),
    "faithfulness": ("faithfulness", {"texts": [SENTENCE] * 50, "methods": ["lrp"], "orders": 200, "beam": 64}),
    "randomisation": ("randomisation", {"text": SENTENCE, "methods": ["shap"], "options": {"shap": {"evaluations": 20_000}}}),
    "ground truth": ("ground_truth", {"methods": ["shap"], "options": {"shap": {"evaluations": 20_000, "estimator": "kernel"}}}),
    "findings": ("findings", {"texts": [SENTENCE] * 500, "methods": ["shap"], "options": {"shap": {"evaluations": 20_000}}}),
    "template": (
        "template",
        {"templates": ["{a|b|c|d|e|f|g|h|i|j} {a|b|c|d|e|f|g|h|i|j} [MASK] " + SENTENCE], "target": "film", "methods": ["shap"]},
    ),
}


@pytest.mark.parametrize("name", DEAREST)
def test_the_dearest_requests_are_refused_before_they_start(name: str, monkeypatch: pytest.MonkeyPatch, passes: list[None]) -> None:
    monkeypatch.setenv("EXPLAIN_PUBLIC", "1")
    endpoint, given = DEAREST[name]
    with pytest.raises(InputError, match=r"This needs [\d,]+ forward passes of one request; at most 40,000 are taken here\. Choose fewer"):
        ENDPOINTS[endpoint](**given)
    assert len(passes) <= 1


def test_what_is_allowed_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLAIN_PUBLIC", "1")
    monkeypatch.setenv("EXPLAIN_DEADLINE", "1")
    run = Run()
    with pytest.raises(StoppedError, match="Stopped after 1 s"):
        list(run.steps(iter_explanation(request(SENTENCE, "shap", shap={"evaluations": 20_000}))))
    assert run.record.noted["expected"] == 20_000


def test_the_page_meets_the_same_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLAIN_MAX_TEXTS", "2")
    monkeypatch.setenv("EXPLAIN_MAX_CHARACTERS", "40")
    with pytest.raises(InputError, match="This needs 3 texts; at most 2 are taken here"):
        texts_from("a\nb\nc")
    with pytest.raises(InputError, match=r"This needs 41 characters of one text; at most 40 are taken here\. Give a shorter text"):
        explain(request("x" * 41))
    with pytest.raises(InputError, match="This needs 41 characters"):
        truncate(request("x" * 41))
    assert len(prompts_from("a\nb")) == 2


@pytest.mark.parametrize(
    ("text", "task", "methods"),
    [
        ("The plot is thin, but the acting is wonderful.", "classification", ("lrp", "occlusion", "attention")),
        ("Fine film.", "classification", ("lrp",)),
        ("The president said that", "generation", ("lrp",)),
        (SENTENCE[:110], "classification", ("lrp", "gradient_norm")),
    ],
)
def test_the_verdict_costs_no_more_than_it_says(text: str, task: str, methods: tuple[str, ...]) -> None:
    asked = request(text, *methods, task=task)
    explanation = explain(asked)
    expected = verdict_passes(explanation)
    found = verdict_faithfulness(asked, explanation).faithfulness
    assert found is not None
    assert found.evaluations <= expected
    assert found.evaluations >= expected / 4 or len(found.features) < 5  # few words have few orders, which come again
    assert found.methods == methods
    if task == "generation":
        first = verdict_faithfulness(asked, explanation, step=0).faithfulness
        assert first is not None
        assert len(first.features) < len(found.features)


def test_where_there_is_no_verdict_the_reason_is_said() -> None:
    asked = request("Film")
    explanation = explain(asked)
    assert verdict_passes(explanation) == 0
    assert verdict_faithfulness(asked, explanation).reason == "There is one word: nothing to rank."
    long = request("good " * 101)
    found = verdict_faithfulness(long, explain(long))
    assert (found.faithfulness, found.reason) == (None, "There are 101 words: faithfulness is measured for up to 100.")
