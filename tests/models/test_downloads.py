"""What strangers have downloaded stays within a bound, and what the owner has is not touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from safetensors.torch import load_file, save

from explain import UnsafeModelError
from explain.models import downloads, loading
from models.test_hub import OLDER, StandIn, folder, site

__all__ = ["folder", "site"]
WEIGHTS = "model.safetensors"


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch, folder: Path) -> int:
    """A public server whose disk holds two and a half models; the bytes of one with all its files."""
    size = sum(path.stat().st_size for path in folder.iterdir())
    monkeypatch.setenv("EXPLAIN_PUBLIC", "1")
    monkeypatch.setattr(downloads, "DISK_BYTES", int(2.5 * size))
    return size


def load(name: str, revision: str | None = None) -> None:
    loading.CACHE.clear()
    loading.load_model(name, revision=revision).close()


def kept() -> set[str]:
    return {path.parents[2].name.removeprefix("models--someone--") for path in downloads.strangers_folder().rglob(WEIGHTS)}


def put(site: StandIn, folder: Path, *names: str) -> None:
    for name in names:
        site.put(f"someone/{name}", folder, sha=name[0] * 40)


def test_models_asked_for_least_recently_leave(site: StandIn, folder: Path, public: int) -> None:
    put(site, folder, "first", "second", "third")
    load("someone/first")
    load("someone/second")
    for file in downloads.strangers_folder().rglob("*"):
        if file.is_file():
            os.utime(file, (1.0, 1.0))  # long ago
    load("someone/first")
    assert kept() == {"first", "second"}
    load("someone/third")
    assert kept() == {"first", "third"}
    assert sum(path.stat().st_size for path in downloads.strangers_folder().rglob("blobs/*")) <= downloads.DISK_BYTES
    site.requests.clear()
    load("someone/first")
    assert not any(path.endswith(WEIGHTS) and method == "GET" for method, path, _ in site.requests)
    load("someone/second")
    assert "second" in kept()


def test_revisions_of_one_model_count_each(site: StandIn, folder: Path, public: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "DISK_BYTES", int(1.5 * public))
    put(site, folder, "model")
    load("someone/model", OLDER)
    weights = load_file(folder / WEIGHTS)
    site.repositories["someone/model"]["files"][WEIGHTS] = save({name: tensor + 1 for name, tensor in weights.items()}, {"format": "pt"})
    load("someone/model")
    assert {path.parent.name for path in downloads.strangers_folder().rglob(WEIGHTS)} == {"m" * 40}


def test_what_the_owner_has_is_used_and_stays(site: StandIn, folder: Path, public: int, monkeypatch: pytest.MonkeyPatch) -> None:
    put(site, folder, "own", "first", "second", "third")
    monkeypatch.delenv("EXPLAIN_PUBLIC")
    load("someone/own")
    monkeypatch.setenv("EXPLAIN_PUBLIC", "1")
    site.requests.clear()
    for name in ("first", "second", "third", "own"):
        load(f"someone/{name}")
    assert kept() <= {"first", "second", "third"}
    assert len(kept()) == 2
    assert not any(path.startswith("/someone/own/") and path.endswith(WEIGHTS) and method == "GET" for method, path, _ in site.requests)


def test_a_model_larger_than_the_disk_is_refused(site: StandIn, folder: Path, public: int, monkeypatch: pytest.MonkeyPatch) -> None:
    site.put("someone/model", folder)
    monkeypatch.setattr(downloads, "DISK_BYTES", 1000)
    with pytest.raises(UnsafeModelError, match=r"someone/model has [\d,]+ bytes, and this server keeps at most 1,000 on its disk"):
        load("someone/model")
    assert not any("/resolve/" in path for path in site.paths())


def test_one_s_own_machine_has_no_bound(site: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "DISK_BYTES", 1000)
    site.put("someone/model", folder)
    load("someone/model")
    assert not downloads.strangers_folder().exists()
