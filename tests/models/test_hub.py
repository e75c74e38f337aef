"""Loading from the Hub, against a stand-in for it on this machine."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import huggingface_hub
import pytest
import torch
from zoo import tiny

from explain import ModelNotFoundError, TokenExplainer, UnsafeModelError
from explain.models import hub, loading

NEWEST = "a" * 40
OLDER = "b" * 40


class StandIn:
    """The endpoints of the Hub that a download calls, for the repositories that a test puts there."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.breaking: set[str] = set()
        self.token: str | None = None
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                stand_in.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def put(self, name: str, folder: Path | None = None, *, files: dict[str, bytes] | None = None, **metadata: Any) -> None:
        found = {path.name: path.read_bytes() for path in folder.iterdir()} if folder else {}
        config = json.loads(found.get("config.json", b"{}"))
        self.repositories[name] = {"files": found | (files or {}), "config": config} | metadata

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.requests]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        self.requests.append((request.command, path, request.headers.get("Authorization")))
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"] and parts[4:5] == ["tree"]:
            self.tree(request, "/".join(parts[2:4]))
        elif parts[:2] == ["api", "models"] and len(parts) >= 4:
            self.metadata(request, "/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main")
        elif len(parts) >= 5 and parts[2] == "resolve":
            self.file(request, "/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self.send(request, 404, b"")

    def metadata(self, request: BaseHTTPRequestHandler, name: str, revision: str) -> None:
        repository = self.repositories.get(name)
        if repository is None:
            return self.refuse(request, 404, "RepoNotFound")
        if repository.get("refuses"):
            return self.refuse(request, *repository["refuses"])
        newest = repository.get("sha", NEWEST)
        if revision not in ("main", newest, OLDER):
            return self.refuse(request, 404, "RevisionNotFound")
        pushes = repository.get("pushes", [])
        sha = pushes.pop(0) if pushes else OLDER if revision == OLDER else newest
        sizes = {file: len(content) for file, content in repository["files"].items()} | repository.get("sizes", {})
        body = {
            "id": name,
            "modelId": name,
            "sha": sha,
            "private": repository.get("private", False),
            "gated": repository.get("gated", False),
            "tags": repository.get("tags", []),
            "config": repository["config"],
            "siblings": [{"rfilename": file, "size": size} for file, size in sizes.items()],
        }
        return self.send(request, 200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def tree(self, request: BaseHTTPRequestHandler, name: str) -> None:
        files = self.repositories[name]["files"]
        listed = [{"type": "file", "path": f, "size": len(c), "oid": hashlib.sha1(c).hexdigest()} for f, c in files.items()]
        self.send(request, 200, json.dumps(listed).encode(), {"Content-Type": "application/json"})

    def file(self, request: BaseHTTPRequestHandler, name: str, revision: str, file: str) -> None:
        repository = self.repositories[name]
        if repository.get("gated"):
            return self.refuse(request, 403, "GatedRepo")
        content = repository["files"].get(file)
        if content is None:
            return self.refuse(request, 404, "EntryNotFound")
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": revision}
        return self.send(request, 200, content, headers, broken=file in self.breaking and request.command == "GET")

    def refuse(self, request: BaseHTTPRequestHandler, status: int, code: str) -> None:
        self.send(request, status, b'{"error":"refused"}', {"X-Error-Code": code, "X-Error-Message": "refused"})

    def send(
        self, request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None, *, broken: bool = False
    ) -> None:
        request.send_response(status)
        for key, value in (headers or {}).items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command == "HEAD":
            return
        request.wfile.write(body[: len(body) // 2] if broken else body)
        if broken:
            request.wfile.flush()
            request.connection.shutdown(socket.SHUT_RDWR)
            request.close_connection = True


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    stand_in = StandIn()
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "ENDPOINT", stand_in.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", stand_in.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(loading, "CACHE", loading.ModelCache(loading.CACHE_BYTES))
    monkeypatch.setattr(hub, "TIMEOUT", 2.0)
    monkeypatch.setattr("huggingface_hub.file_download.time", SimpleNamespace(**vars(time) | {"sleep": lambda _: None}))
    for name in ("HF_TOKEN", "SYSTEM", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield stand_in
    loading.CACHE.clear()
    stand_in.server.shutdown()
    stand_in.server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint")
    made = tiny("bert-class")
    made.model.save_pretrained(path)
    made.tokenizer.save_pretrained(path)
    return path


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def go_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    loading.CACHE.clear()


def test_a_model_is_downloaded_at_its_newest_commit_and_explained(site: StandIn, folder: Path) -> None:
    site.put("someone/model", folder, files={"pytorch_model.bin": b"pickle", "run.py": b"print('!')"})
    made = tiny("bert-class")
    with torch.no_grad():
        expected = made.model(**made.plain_inputs()).logits[0].softmax(-1)
    with TokenExplainer.from_pretrained("someone/model") as explainer:
        assert explainer.model.revision == NEWEST
        assert explainer.model.name == "someone/model"
        for candidate in explainer.analyze(made.text, ["attention"]).prediction.candidates:
            assert candidate.probability == pytest.approx(float(expected[candidate.index]), abs=1e-5)
    fetched = {path.rsplit("/", 1)[1] for path in site.paths() if "/resolve/" in path}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= fetched
    assert not {"pytorch_model.bin", "run.py"} & fetched


def test_a_revision_is_fetched_as_asked(site: StandIn, folder: Path) -> None:
    site.put("someone/model", folder)
    with loading.load_model("someone/model", revision=OLDER) as model:
        assert model.revision == OLDER


def test_what_was_pushed_after_the_checks_is_not_used(site: StandIn, folder: Path) -> None:
    site.put("someone/model", folder, pushes=[OLDER, NEWEST])
    with pytest.raises(UnsafeModelError, match="changed while it was downloaded"):
        loading.load_model("someone/model")
    with loading.load_model("someone/model") as model:
        assert model.revision == NEWEST


def test_an_unknown_revision_is_named(site: StandIn, folder: Path) -> None:
    site.put("someone/model", folder)
    with pytest.raises(ModelNotFoundError, match=r"revision|commit|branch") as caught:
        loading.load_model("someone/model", revision="nowhere")
    assert "nowhere" in str(caught.value)
    assert "cannot be reached" not in str(caught.value)


def test_an_unknown_model_is_named(site: StandIn) -> None:
    with pytest.raises(ModelNotFoundError, match="no public model 'nobody/nothing'"):
        loading.load_model("nobody/nothing")


@pytest.mark.parametrize("name", ["two/many/slashes", "what is this", "a..b", "name?x=1", "owner/", "-x"])
def test_a_malformed_id_is_refused_without_asking(site: StandIn, name: str) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        loading.load_model(name)
    assert name in str(caught.value)
    assert not site.requests


def test_a_gated_model_is_refused(site: StandIn, folder: Path) -> None:
    site.put("someone/gated", folder, refuses=(403, "GatedRepo"))
    with pytest.raises(UnsafeModelError, match="someone/gated is gated"):
        loading.load_model("someone/gated")


@pytest.mark.parametrize("public", [False, True])
def test_a_model_whose_files_are_gated_is_refused(site: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch, public: bool) -> None:
    """The Hub shows a gated model's metadata to everyone, and refuses its files."""
    if public:
        monkeypatch.setenv("SYSTEM", "spaces")
    site.put("someone/gated", folder, gated="manual")
    with pytest.raises(UnsafeModelError, match="someone/gated is gated"):
        loading.load_model("someone/gated")


@pytest.mark.parametrize("how", [{"config": {"auto_map": {"AutoModel": "run.Model"}}}, {"tags": ["custom_code"]}])
def test_a_model_with_code_of_its_own_is_refused_before_anything_is_fetched(site: StandIn, folder: Path, how: dict[str, Any]) -> None:
    site.put("someone/code", folder, **how)
    with pytest.raises(UnsafeModelError, match="code of its own"):
        loading.load_model("someone/code")
    assert not any("/resolve/" in path for path in site.paths())


def test_code_named_only_in_the_configuration_file_is_refused(site: StandIn, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text()) | {"auto_map": {"AutoModel": "run.Model"}}
    site.put("someone/code", folder, files={"config.json": json.dumps(config).encode()})
    with pytest.raises(UnsafeModelError, match="code of its own"):
        loading.load_model("someone/code")


def test_pickled_weights_are_never_fetched(site: StandIn, folder: Path) -> None:
    site.put("someone/pickle", folder, files={"pytorch_model.bin": b"pickle"})
    del site.repositories["someone/pickle"]["files"]["model.safetensors"]
    with pytest.raises(UnsafeModelError, match="no safetensors"):
        loading.load_model("someone/pickle")
    assert not any("/resolve/" in path for path in site.paths())


def test_a_public_space_refuses_large_and_private_models(site: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.put("someone/large", folder, sizes={"model.safetensors": 3_000_000_000})
    site.put("someone/private", folder, private=True)
    monkeypatch.setenv("SYSTEM", "spaces")
    with pytest.raises(UnsafeModelError, match=r"too large for this server: 3\.0 GB, at most 2\.0 GB"):
        loading.load_model("someone/large")
    with pytest.raises(UnsafeModelError, match="gated or private"):
        loading.load_model("someone/private")
    assert not any("/resolve/" in path for path in site.paths())
    monkeypatch.delenv("SYSTEM")
    loading.load_model("someone/large").close()


def test_a_public_space_asks_without_a_token(site: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.utils._headers.get_token", lambda: "hf_of_the_owner")
    site.put("someone/model", folder)
    loading.load_model("someone/model").close()
    assert any(token == "Bearer hf_of_the_owner" for _, _, token in site.requests)
    site.requests.clear()
    site.put("someone/other", folder)
    monkeypatch.setenv("SYSTEM", "spaces")
    loading.load_model("someone/other").close()
    assert site.requests
    assert all(token is None for _, _, token in site.requests)


def test_without_the_hub_a_model_comes_from_the_cache_or_is_missed(site: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.put("someone/model", folder)
    loading.load_model("someone/model").close()
    go_offline(monkeypatch)
    with loading.load_model("someone/model") as model:
        assert model.revision == NEWEST
    with pytest.raises(ModelNotFoundError, match="someone/other is not on board, and the Hub cannot be reached"):
        loading.load_model("someone/other")
    assert not hub.reachable()


def test_the_hub_is_reachable(site: StandIn) -> None:
    assert hub.reachable()


def test_a_broken_download_is_told_and_the_next_try_succeeds(site: StandIn, folder: Path) -> None:
    site.put("someone/model", folder)
    site.breaking = {"model.safetensors"}
    with pytest.raises(ModelNotFoundError, match="The download of someone/model broke off"):
        loading.load_model("someone/model")
    site.breaking = set()
    with loading.load_model("someone/model") as model:
        assert model.revision == NEWEST


def test_half_a_download_is_not_taken_for_a_model_without_the_hub(site: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.put("someone/model", folder)
    site.breaking = {"model.safetensors"}
    with pytest.raises(ModelNotFoundError):
        loading.load_model("someone/model")
    go_offline(monkeypatch)
    with pytest.raises(ModelNotFoundError, match="someone/model"):
        loading.load_model("someone/model")


def test_broken_weights_are_told(site: StandIn, folder: Path) -> None:
    site.put("someone/broken", folder, files={"model.safetensors": b"\x08\0\0\0\0\0\0\0no json"})
    with pytest.raises(ModelNotFoundError, match="someone/broken could not be loaded"):
        loading.load_model("someone/broken")
