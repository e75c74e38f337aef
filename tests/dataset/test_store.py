"""Parts are there whole or not at all, and what the disk refuses is said."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from explain import StorageError
from explain.dataset.store import Refused, Store, write

COLUMNS = pa.schema({"row": pa.int64()})


def test_a_part_is_done_if_it_is_whole_and_of_this_run(tmp_path: Path) -> None:
    store = Store(tmp_path, "one")
    assert not store.done(3)
    store.keep(3, [{"row": 7}], COLUMNS, [Refused(8, "tëxt", "why")])
    assert store.done(3)
    assert store.refused(3).read_text(encoding="utf-8") == '{"row": 8, "text": "tëxt", "reason": "why"}\n'
    assert not Store(tmp_path, "two").done(3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-00003.parquet", "refused-00003.jsonl"]
    whole = store.part(3).read_bytes()
    store.part(3).write_bytes(whole[:-20])
    assert not store.done(3)
    store.part(3).write_bytes(b"")
    assert not store.done(3)


class Killed(BaseException):
    """As good as a kill: nobody catches it."""


@pytest.mark.parametrize("name", ["os.fsync", "os.replace", "pyarrow.parquet.write_table"])
def test_what_is_interrupted_leaves_nothing_half(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, "one")

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(name, die)
        with pytest.raises(Killed):
            store.keep(0, [{"row": 1}], COLUMNS, [])
    assert not store.done(0)
    assert not list(tmp_path.glob("part-*"))
    store.keep(0, [{"row": 1}], COLUMNS, [])
    assert store.done(0)


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".part-00000.parquet.123.tmp").write_bytes(b"PAR1")
    (tmp_path / "mine.tmp").write_text("")
    Store(tmp_path, "one").clear()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.tmp"]


@pytest.mark.parametrize(
    ("code", "message"),
    [(errno.ENOSPC, "No space is left for"), (errno.EDQUOT, "No space is left for"), (errno.EIO, "cannot be written: In")],
)
def test_a_disk_that_refuses_is_named(code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match=message):
        write(tmp_path / "file", lambda file: file.write(b"x"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written: No such file or directory"):
        write(tmp_path / "no" / "file", lambda file: file.write(b"x"))
