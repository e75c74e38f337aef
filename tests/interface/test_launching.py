"""The command line of `gradio_app.py`, and the app as it runs on a Space: server-side rendering on and off."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from driver import free_port
from playwright.sync_api import Page, expect
from test_app import fetch

from explain.interface import app
from explain.interface.launching import build, launch, parse, server_options
from explain.interface.presets import PRESETS

ROOT = Path(__file__).parents[2]


def test_help_names_every_option() -> None:
    done = subprocess.run([sys.executable, "gradio_app.py", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0
    for option in ("--task", "--model", "--host", "--port", "--share", *PRESETS):
        assert option in done.stdout


def test_the_server_is_told_only_what_was_given() -> None:
    assert server_options(parse([])) == {}
    given = parse(["--host", "0.0.0.0", "--port", "7999", "--share"])
    assert server_options(given) == {"server_name": "0.0.0.0", "server_port": 7999, "share": True}


@pytest.mark.parametrize("bad", [["--port", "0"], ["--port", "many"], ["--task", "magic"], ["--mod", "x"]])
def test_a_bad_argument_ends_with_a_message(bad: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(bad)
    assert ended.value.code == 2
    assert bad[0].removesuffix("x") in capsys.readouterr().err


def test_the_chosen_task_and_model_are_asked_first() -> None:
    values = {
        getattr(block, "elem_id", None): block for block in build(parse(["--task", "next_token", "--model", "some/model"])).blocks.values()
    }
    assert (values["explain-task"].value, values["explain-model"].value) == ("next_token", "some/model")
    assert (values["compare-task"].value, values["compare-model"].value) == ("classification", "bert-mini")


def test_a_page_is_launched_with_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[Any, ...]] = []
    monkeypatch.setattr(app, "warm_up", lambda *given: told.append(given))
    monkeypatch.setattr(app, "launch_options", lambda: {"show_error": False})
    page = Mock()
    launch(page, parse(["--task", "next_token", "--port", "7999"]))
    assert told == [("next_token", None)]
    page.launch.assert_called_once_with(show_error=False, server_port=7999)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts `gradio_app.py` with arguments and environment; its address."""
    running: list[subprocess.Popen[bytes]] = []

    def serve(*arguments: str, **environment: str) -> str:
        port = free_port()
        dead = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
        env = {**os.environ, **dead, "NO_PROXY": "127.0.0.1,localhost", "HF_HOME": str(tmp_path / "hub"), **environment}
        given = [sys.executable, "gradio_app.py", "--host", "127.0.0.1", "--port", str(port), *arguments]
        with (tmp_path / "log").open("wb") as log:
            running.append(subprocess.Popen(given, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT))
        address = f"http://127.0.0.1:{port}/"
        fetch(address)
        return address

    yield serve
    for process in running:
        process.terminate()
        process.wait(60)
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.browser
@pytest.mark.parametrize("ssr", ["True", "False"])
def test_it_runs_as_on_a_space(served: Callable[..., str], page: Page, ssr: str) -> None:
    if ssr == "True" and shutil.which("node") is None:
        pytest.skip("server-side rendering needs Node")
    address = served("--task", "classification", SYSTEM="spaces", GRADIO_SSR_MODE=ssr)
    page.goto(address)
    run = page.locator("#explain-run")
    expect(run).to_be_visible()
    page.locator("#explain-text textarea").fill("It is not a bad film.")
    page.wait_for_timeout(2000)
    run.click()
    expect(page.locator("#explain-status")).to_contain_text("Explained", timeout=120000)
    expect(page.locator("#explain-row-lrp")).to_contain_text("bad")
