"""The app as a program: what importing it does, what it has a widget for, and that it starts without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from conftest import free_port

from explain.interface.app import build
from explain.interface.presets import PRESETS
from explain.methods.catalog import METHODS
from explain.models.tasks import TASKS
from explain.types import Unit

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def widgets() -> dict[str, Any]:
    """elem_id -> component."""
    found = [block for block in build().blocks.values() if getattr(block, "elem_id", None)]
    names = [block.elem_id for block in found]
    assert len(names) == len(set(names))
    return dict(zip(names, found, strict=True))


def test_importing_the_app_does_not_launch_it() -> None:
    import gradio_app

    assert isinstance(gradio_app.demo, gr.Blocks)
    assert not gradio_app.demo.is_running


def test_every_task_has_a_tab() -> None:
    assert set(PRESETS) == set(TASKS)


@pytest.mark.parametrize("task", TASKS)
def test_every_method_can_be_chosen_and_shown(widgets: dict[str, Any], task: str) -> None:
    assert widgets[f"tab-{task}"].label == TASKS[task].title
    assert widgets[f"{task}-methods"].choices == [(method.title, method.name) for method in METHODS]
    for method in METHODS:
        assert widgets[f"{task}-text-{method.name}"].label == method.title
        assert f"{task}-note-{method.name}" in widgets


@pytest.mark.parametrize("task", TASKS)
def test_every_unit_can_be_chosen(widgets: dict[str, Any], task: str) -> None:
    assert [Unit(value) for _, value in widgets[f"{task}-unit"].choices] == list(TASKS[task].units)
    assert widgets[f"{task}-unit"].value == TASKS[task].units[0]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_option_has_a_widget(widgets: dict[str, Any], method: Any) -> None:
    for field in method.option_fields():
        widget, option = widgets[f"option-{method.name}-{field.name}"], field.to_dict()
        assert widget.value == option["default"]
        assert widget.info == field.help
        if field.choices:
            assert [value for _, value in widget.choices] == field.choices
        elif field.kind is not bool:
            assert (widget.minimum, widget.maximum) == (field.minimum, field.maximum)


def test_no_option_widget_without_an_option(widgets: dict[str, Any]) -> None:
    options = {f"option-{method.name}-{field.name}" for method in METHODS for field in method.option_fields()}
    assert {name for name in widgets if name.startswith("option-")} == options


@pytest.fixture
def started(tmp_path: Path) -> Iterator[str]:
    """`python gradio_app.py` on a machine whose only reachable address is itself."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    dead = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    here = {"NO_PROXY": "127.0.0.1,localhost", "GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "gradio_app.py"],
            cwd=ROOT,
            env={**env, **dead, **here, "HF_HOME": str(tmp_path / "hub")},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(60)
    assert "Traceback" not in (tmp_path / "log").read_text()


def fetch(url: str, seconds: float = 240) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + seconds
    while True:
        try:
            with opener.open(url, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if time.monotonic() > until:
                raise
            time.sleep(1)


def test_the_first_page_is_served_without_a_network(started: str) -> None:
    status, page = fetch(started)
    assert status == 200
    assert "Which tokens made the model say that?" in page
    status, config = fetch(f"{started}config")
    assert status == 200
    assert all(f"tab-{task}" in config for task in TASKS)
