"""The command line of `gradio_app.py`, and the app as it runs on a Space: server-side rendering on and off."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from driver import App, free_port
from gradio_client import Client
from playwright.sync_api import Page, expect

from explain.interface import app
from explain.interface.launching import build, launch, parse, server_options
from explain.interface.presets import PRESETS
from explain.models.tasks import TASKS

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
    """Starts `gradio_app.py` as on a Space whose only reachable address is itself; its address."""
    running: list[subprocess.Popen[bytes]] = []
    dead = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")

    def serve(**more: str) -> str:
        port = free_port()
        env = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
        env |= {**dead, "NO_PROXY": "127.0.0.1,localhost", "HF_HOME": str(tmp_path / "hub"), "SYSTEM": "spaces", **more}
        given = [sys.executable, "gradio_app.py", "--host", "127.0.0.1", "--port", str(port), "--task", "classification"]
        with (tmp_path / "log").open("wb") as log:
            running.append(subprocess.Popen(given, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT))
        return f"http://127.0.0.1:{port}/"

    yield serve
    for process in running:
        process.terminate()
        process.wait(60)
    assert "Traceback" not in (tmp_path / "log").read_text()


def fetch(url: str, seconds: float = 240) -> str:
    """A page of a server that may still be starting."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + seconds
    while True:
        try:
            with opener.open(url, timeout=60) as answer:
                assert answer.status == 200
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


@pytest.mark.browser
def test_it_runs_without_a_network(served: Callable[..., str], page: Page) -> None:
    """With pages rendered by the server, as on a Space, where Node is installed; the other tests of the page go without."""
    address = served(GRADIO_SSR_MODE=str(shutil.which("node") is not None))
    fetch(address)
    config = fetch(f"{address}config")
    assert "Which tokens made the model say that?" in config
    assert all(f'"{task.title}"' in config for task in TASKS.values())
    client = Client(address, verbose=False, analytics_enabled=False)
    found = client.predict("A fine film.", methods=["input_x_gradient"], api_name="/classification")
    client.close()
    assert found["prediction"]["text"] == "positive"
    app = App(page, address).open()
    app.write((app.text, "It is not a bad film."))
    page.locator("#explain-run").click()
    expect(page.locator("#explain-status")).to_contain_text("Explained", timeout=120000)
    expect(page.locator("#explain-row-lrp")).to_contain_text("bad")
