"""The app, launched once in this process, a browser page that fails on anything unexpected, and a client."""

from __future__ import annotations

import dataclasses
import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from driver import TIMEOUT, App, Held, free_port
from gradio_client import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request, expect

from explain.analysis import Analysis
from explain.interface import app as interface_app
from explain.interface.app import build, launch_options
from explain.interface.tabs import heads, layers
from explain.interface.tabs.opening import prepare_examples
from explain.interface.work import verdict
from explain.methods.catalog import method_class
from explain.methods.method import Method
from explain.results import Attribution

CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--js-flags=--no-opt --min-semi-space-size=64",  # a page lives for seconds: optimising and tidying up hardly pays
)
expect.set_options(timeout=TIMEOUT)


THEIRS = (
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:.*fixtures defined as instance methods",
    *(f"ignore:::{module}" for module in ("gradio", "pandas", "starlette", "uvicorn", "websockets")),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests come last, and warnings from gradio's threads and the pytest plugins are not ours."""
    here = Path(__file__).parent
    items.sort(key=lambda item: here in item.path.parents)
    for item in items:
        if here in item.path.parents:
            for theirs in THEIRS:
                item.add_marker(pytest.mark.filterwarnings(theirs))


@pytest.fixture(scope="package", autouse=True)
def leftovers() -> Iterator[None]:
    """Sockets and event loops that gradio and playwright leave open are collected here, after the last of these tests, without a word."""
    yield
    hook = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        for _ in range(3):
            gc.collect()
    finally:
        sys.unraisablehook = hook


@pytest.fixture(scope="session")
def app_url() -> Iterator[str]:
    """The app with its examples explained, as it is a few seconds after its start; its verdicts compare with fewer random orders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdict, "SETTINGS", dataclasses.replace(verdict.SETTINGS, orders=2, limit=20))
        prepare_examples().join()
        patch.setattr(interface_app, "reachable", lambda: False)
        demo = build()
        demo.launch(
            **launch_options(),
            server_name="127.0.0.1",
            server_port=free_port(),
            prevent_thread_lock=True,
            quiet=True,
            inbrowser=False,
        )
        yield str(demo.local_url)
        demo.close(verbose=False)


@pytest.fixture
def client(app_url: str) -> Iterator[Client]:
    client = Client(app_url, verbose=False, analytics_enabled=False)
    yield client
    client.close()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    if CHROMIUM is None:
        if os.environ.get("EXPLAIN_REQUIRE_BROWSER") == "1":
            pytest.fail("Chromium is missing and EXPLAIN_REQUIRE_BROWSER=1.")
        pytest.skip("Chromium is missing.")
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": list(FLAGS)}


@pytest.fixture(scope="session")
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """One browser profile for all tests, which keeps the page's scripts once they are read."""
    context = browser.new_context()
    yield context
    context.close()


def left(line: str) -> bool:
    """Whether a line is what Gradio's page says of its open streams when it is left for another address."""
    return line.startswith(("AbortError: signal is aborted", "Unexpected error Connection errored out"))


@pytest.fixture(scope="session")
def window(visitor: BrowserContext) -> Iterator[Page]:
    """One window for all tests: it opens the page again in half the time of a new one."""
    window = visitor.new_page()
    window.set_default_timeout(TIMEOUT)
    window.set_default_navigation_timeout(TIMEOUT)
    yield window
    window.close()


@pytest.fixture
def page(window: Page) -> Iterator[Page]:
    """Fails on requests beyond this machine, on page errors and on console errors."""
    faults: list[str] = []

    def request(sent: Request) -> None:
        if not sent.url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            faults.append(f"request: {sent.url[:200]}")

    def pageerror(error: Error) -> None:
        faults.append(f"page error: {error}")

    def console(line: ConsoleMessage) -> None:
        if line.type == "error" and not left(line.text):
            faults.append(f"console: {line.text}")

    window.set_viewport_size({"width": 1280, "height": 900})
    watched: dict[Any, Callable[[Any], None]] = {"request": request, "pageerror": pageerror, "console": console}
    for event, watch in watched.items():
        window.on(event, watch)
    yield window
    window.goto("about:blank")
    for event, watch in watched.items():
        window.remove_listener(event, watch)
    assert not faults, faults


@pytest.fixture
def app(page: Page, app_url: str) -> App:
    return App(page, app_url)


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Held]]:
    held: list[Held] = []

    def wait_in(name: str) -> Held:
        gate, owner = Held(), method_class(name)
        attribute = owner.attribute

        def waiting(self: Method, *args: Any) -> Attribution:
            gate.entered.set()
            gate.released.wait(300)
            return attribute(self, *args)

        monkeypatch.setattr(owner, "attribute", waiting)
        held.append(gate)
        return gate

    yield wait_in
    for gate in held:
        gate.released.set()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the methods that are computed."""
    names: list[str] = []
    run = Analysis.run

    def counted(self: Analysis, method: Method) -> Attribution:
        names.append(method.name)
        return run(self, method)

    monkeypatch.setattr(Analysis, "run", counted)
    return names


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The reports that were computed for the views."""
    made: list[str] = []

    def watch(module: Any, name: str) -> None:
        report = getattr(module, name)

        def watched(*args: Any, **more: Any) -> Any:
            made.append(name)
            return report(*args, **more)

        monkeypatch.setattr(module, name, watched)

    watch(heads, "ablate")
    watch(layers, "read_layers")
    return made
