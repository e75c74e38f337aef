"""On a public server nobody gets at its files, at other addresses, or at code of a repository; what is typed stays text."""

from __future__ import annotations

import copy
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest

import explain
from explain.errors import ExplainError
from explain.interface import endpoints
from explain.interface.work import files
from explain.models import hub, loading

ENDPOINTS = {endpoint.name: endpoint for endpoint in endpoints.endpoints()}
ASKING = [name for name, endpoint in ENDPOINTS.items() if any(item.name == "model" for item in endpoint.parameters)]
WELL: dict[str, Any] = {
    "text": "A ___ or [MASK] film.",
    "texts": ["A film.", "No film."],
    "templates": ["A {good|bad} [MASK]."],
    "keywords": ["film"],
    "target": "film",
    "foil": "play",
    "messages": [{"role": "user", "content": "A film."}],
}
BUNDLED = str(Path(explain.__file__).parent / "models" / "bundled" / "bert-mini")
ELSEWHERE = [
    "/etc",
    "/",
    ".",
    "..",
    "~",
    "~root",
    "./tests",
    "tests",
    "explain/models",
    BUNDLED,
    "file:///etc/passwd",
    "http://127.0.0.1:1/model",
    "https://example.com/owner/name",
    "//127.0.0.1/share",
    "\\\\host\\share",
    "bert-mini/../../..",
    "owner/name@main:/etc",
]


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A public server that knows no model on the Hub; returns the ids that it asked the Hub for."""
    asked: list[str] = []

    def unknown(self: object, name: str, **_: object) -> None:
        asked.append(name)
        raise OSError("no network")

    def opened(name: str, folder: Path) -> None:
        raise AssertionError(f"{name} was opened at {folder}")

    monkeypatch.setenv("EXPLAIN_PUBLIC", "1")
    monkeypatch.setattr(hub.HfApi, "model_info", unknown)
    monkeypatch.setattr(loading, "_configuration", opened)
    return asked


@pytest.mark.parametrize("model", ELSEWHERE)
@pytest.mark.parametrize("name", ASKING)
def test_no_endpoint_opens_a_path_or_an_address(name: str, model: str, public: list[str]) -> None:
    endpoint = ENDPOINTS[name]
    given = {item.name: WELL[item.name] for item in endpoint.parameters if item.needed}
    with pytest.raises(ExplainError, match=r"Folders cannot be opened on a public server|neither a bundled model|is not on board"):
        endpoint.function(**given, model=model)
    assert all("/" not in asked or asked.count("/") == 1 for asked in public)


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    return ENDPOINTS["card"].function("A film.", methods=["lrp"])


@pytest.mark.parametrize("model", ELSEWHERE)
def test_no_card_opens_one_either(model: str, card: dict[str, Any], public: list[str]) -> None:
    card = copy.deepcopy(card)
    card["model"]["name"] = model
    with pytest.raises(ExplainError, match=r"Folders cannot be opened on a public server|neither a bundled model|is not on board"):
        ENDPOINTS["replay"].function(card)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with gr.Blocks(analytics_enabled=False) as demo:
        endpoints.build()
    demo.queue().launch(server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, inbrowser=False)
    yield f"http://127.0.0.1:{port}"
    demo.close(verbose=False)


OUTSIDE = [
    "/etc/passwd",
    "/etc/../etc/passwd",
    os.path.abspath("README.md"),
    f"{BUNDLED}/config.json",
    os.path.abspath("explain/interface/limits.py"),
    os.path.abspath(".git/config"),
    "README.md",
    "..%2F..%2Fetc%2Fpasswd",
    "/proc/self/environ",
]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("route", ["/gradio_api/file=", "/gradio_api/file/"])
def test_files_outside_are_forbidden(address: str, route: str, path: str) -> None:
    assert httpx.get(f"{address}{route}{path}", timeout=60).status_code in (403, 404)
    assert httpx.get(f"{address}/gradio_api/file={path}", timeout=60).status_code == 403


def test_what_is_typed_comes_back_as_it_is() -> None:
    typed = '<img src=x onerror="alert(1)"> film </script><script>alert(2)</script>'
    found = ENDPOINTS["classification"].function(typed, methods=["lrp"])
    assert found["text"] == typed
    assert json.loads(json.dumps(found)) == found


def test_folders_of_earlier_visitors_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path))
    (tmp_path / "else").mkdir()
    old, kept = files.new_folder(), files.new_folder()
    (old / "card.json").write_text("{}")
    long_ago = time.time() - files.KEPT_SECONDS - 1
    os.utime(old, (long_ago, long_ago))
    os.utime(tmp_path / "else", (long_ago, long_ago))
    new = files.new_folder()
    assert sorted(tmp_path.iterdir()) == sorted([kept, new, tmp_path / "else"])
    assert new.stat().st_mode & 0o077 == 0
