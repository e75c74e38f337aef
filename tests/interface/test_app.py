"""The app as a program: what importing it does, and what it has a widget for."""

from __future__ import annotations

import json
import re
from typing import Any

import gradio as gr
import pytest

from explain import TokenExplainer
from explain.interface.app import LATER, build
from explain.interface.presets import PRESETS
from explain.interface.tabs import methods
from explain.interface.tabs.options import OptionsForm
from explain.interface.tabs.question import QuestionForm
from explain.methods.catalog import METHODS
from explain.models.tasks import TASKS
from explain.types import Unit


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    return build()


@pytest.fixture(scope="module")
def widgets(page: gr.Blocks) -> dict[str, Any]:
    """elem_id -> component, those of the tabs that are built when they are opened included."""
    with gr.Blocks() as later:
        options = OptionsForm()
        for kind in LATER:
            kind(options)
    found = [block for block in (*page.blocks.values(), *later.blocks.values()) if getattr(block, "elem_id", None)]
    names = [block.elem_id for block in found]
    assert len(names) == len(set(names))
    return dict(zip(names, found, strict=True))


def test_importing_the_app_does_not_launch_it() -> None:
    import gradio_app

    assert isinstance(gradio_app.demo, gr.Blocks)
    assert not gradio_app.demo.is_running


def test_the_page_is_light(page: gr.Blocks) -> None:
    assert len(page.config["components"]) <= 350
    assert len(json.dumps(page.config, default=str)) <= 300_000


def test_every_task_can_be_chosen(widgets: dict[str, Any]) -> None:
    assert set(PRESETS) == set(TASKS)
    for tab in ("explain", "compare", "prompts"):
        assert widgets[f"{tab}-task"].choices == [(task.title, name) for name, task in TASKS.items()]


def test_every_method_can_be_chosen_and_shown_with_its_help_and_cost(widgets: dict[str, Any]) -> None:
    for tab in ("explain", "compare", "prompts"):
        offered = [*widgets[f"{tab}-outside"].choices, *widgets[f"{tab}-inside"].choices]
        assert {name for _, name in offered} == set(METHODS)
        for label, name in offered:
            first, help = label.split("\n")
            assert first.startswith(METHODS[name].title)
            assert re.search(r"· (≈ )?[\d,]+ pass", first)
            assert METHODS[name].summary.startswith(help)
    for name, method in METHODS.items():
        assert widgets[f"explain-row-{name}"].label == method.title


def test_the_cost_at_a_method_is_about_what_it_takes() -> None:
    said = {name: int(re.sub(r"\D", "", methods.cost(method))) for name, method in METHODS.items()}
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        analysis = explainer.ask("one two three four five six seven eight nine ten eleven twelve")
        for name, method in METHODS.items():
            expected = method().expected_passes(analysis.scores[0])
            assert said[name] / 10 <= expected <= 10 * said[name], name


def test_a_method_that_looks_at_more_than_is_known_has_no_cost() -> None:
    class Own(METHODS["lrp"]):  # type: ignore[misc]
        def expected_passes(self, score: Any) -> int:
            return int(score.something_of_its_own)

    assert methods.cost(Own) == ""


@pytest.mark.parametrize("task", TASKS)
def test_the_form_follows_the_task(task: str) -> None:
    with gr.Blocks():
        form = QuestionForm("form", task=task, text="", button="Ask")
    assert [Unit(value) for _, value in form["unit"].choices] == list(TASKS[task].units)
    for name in ("target", "foil", "unit", "position", "step"):
        assert form[name].visible == (name in TASKS[task].asks)
    other = next(name for name in TASKS if name != task)
    updates = form.for_task(other)
    for name in ("target", "foil", "unit", "position", "step"):
        assert updates[form[name]]["visible"] == (name in TASKS[other].asks)
    assert updates[form["unit"]]["value"] == TASKS[other].units[0]
