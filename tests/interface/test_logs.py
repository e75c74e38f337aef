"""One line for every request, under the reference that an error message names, and nothing of a visitor's text unless asked for."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest

from explain.interface.endpoints import endpoints
from explain.interface.serving import Run, guarded
from explain.interface.work.explaining import iter_explanation
from explain.methods.catalog import METHODS
from explain.sharing.request import Request
from explain.types import Question

ENDPOINTS = {endpoint.name: guarded(endpoint.function, page=False) for endpoint in endpoints()}
SECRET = "my secret film"


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    caplog.set_level(logging.INFO, "explain")
    return lambda: [json.loads(record.getMessage()) for record in caplog.records if record.levelno == logging.INFO]


def test_a_line_tells_what_was_asked_and_how_it_went(logged: Callable[[], list[dict[str, Any]]]) -> None:
    ENDPOINTS["classification"](SECRET, methods=["occlusion"])
    (line,) = logged()
    assert len(line.pop("request")) == 8
    assert line.pop("seconds") > 0
    assert line.pop("waited") >= 0
    assert 1 <= line.pop("passes") <= line["expected"]
    assert line == {
        "name": "classification",
        "task": "classification",
        "model": "bert-mini",
        "methods": ["occlusion"],
        "tokens": 5,
        "expected": 4,
        "outcome": "done",
    }


def test_what_asks_no_model_has_a_line_only_if_it_fails(logged: Callable[[], list[dict[str, Any]]]) -> None:
    guarded(lambda: 1)()
    assert logged() == []


def test_every_end_has_its_name(logged: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Request("classification", "bert-mini", Question(SECRET), ("attention", "occlusion"))
    with pytest.raises(gr.Error, match="not a label"):
        ENDPOINTS["classification"](SECRET, target="angry")
    with pytest.raises(gr.Error, match="'text'"):
        ENDPOINTS["classification"](7)
    run = Run()
    steps = run.steps(iter_explanation(asked))
    next(steps)
    steps.close()
    run = Run()
    steps = run.steps(iter_explanation(asked))
    next(steps)
    Run.stop(run.token)
    with pytest.raises(Exception, match="Stopped"):
        next(steps)
    assert [line["outcome"] for line in logged()] == ["refused", "refused", "closed", "stopped"]


def test_a_fault_is_logged_under_its_reference_without_the_text(
    logged: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(f"cannot do {SECRET}")

    monkeypatch.setattr(METHODS["lrp"], "attribute", broken)
    with pytest.raises(gr.Error, match=r"reference [0-9a-f]{8}\.") as found:
        ENDPOINTS["classification"](SECRET, methods=["lrp"])
    (line,) = logged()
    assert str(found.value.message).endswith(f"reference {line['request']}.")
    assert line["outcome"] == "failed"
    (fault,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert fault.startswith(f"reference {line['request']}: RuntimeError\n")
    assert "in broken" in fault
    assert SECRET not in caplog.text


def test_texts_are_logged_where_that_is_asked_for(
    logged: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ENDPOINTS["classification"](SECRET, methods=["lrp"])
    assert SECRET not in caplog.text
    monkeypatch.setenv("EXPLAIN_LOG_TEXTS", "1")
    ENDPOINTS["classification"](SECRET, methods=["lrp"])
    assert logged()[1]["text"] == SECRET
