"""Two runs are never mixed, and the message says what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from explain import InputError, StorageError
from explain.dataset.manifest import NAME, begin, differences, load, run_of

ASKED: dict[str, Any] = {"format": 1, "model": "m", "methods": {"lrp": {"ledger": True}}, "data": {"rows": 3, "fingerprint": "a"}}


def test_the_same_run_goes_on_and_another_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    begin(folder, ASKED)
    begin(folder, ASKED)
    assert load(folder) == ASKED
    changed = ASKED | {"methods": {"lrp": {"ledger": False}, "shap": {}}, "data": {"rows": 3, "fingerprint": "b"}}
    with pytest.raises(InputError) as raised:
        begin(folder, changed)
    said = str(raised.value)
    assert "holds another run" in said
    assert 'differs: methods.lrp.ledger was true, now false; methods.shap was null, now {}; data.fingerprint was "a", now "b".' in said
    assert load(folder) == ASKED


def test_runs_are_told_apart_by_all_that_was_asked() -> None:
    assert run_of(ASKED) == run_of(dict(reversed(ASKED.items())))
    assert run_of(ASKED) != run_of(ASKED | {"model": "n"})
    assert differences(ASKED, ASKED) == []
    assert differences({"a": "x" * 200}, {})[0].endswith("now null")


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    (tmp_path / "part-00000.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=r"has parts of a run but no manifest\.json"):
        begin(tmp_path, ASKED)
    (tmp_path / NAME).write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        begin(tmp_path, ASKED)
    (tmp_path / NAME).write_text('{"format": 99}')
    with pytest.raises(InputError, match="is not the manifest of a run in format 1"):
        begin(tmp_path, ASKED)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written: Not a directory"):
        begin(tmp_path / "file" / "run", ASKED)
