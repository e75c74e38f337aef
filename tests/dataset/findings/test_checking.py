"""A run that came from elsewhere is refused in words, whatever is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset.findings.made import corpus, write
from explain.dataset.findings import findings
from explain.errors import InputError


def changed(folder: Path, **values: Any) -> Path:
    """A run whose first row has other values."""
    run = write(folder, corpus(6), ["lrp", "occlusion"])
    part = run.parts[0]
    table = pq.read_table(part)
    rows = table.to_pylist()
    rows[0] |= values
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), part)
    return folder


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": None}, "a row has no text, or other numbers of tokens"),
        ({"special": [True]}, "other numbers of tokens in some columns"),
        ({"text": "a"}, "a token lies outside its text"),
        ({"scores": {"lrp": [1.0], "occlusion": None}}, "lrp has other numbers of scores"),
    ],
)
def test_damaged_rows_are_said(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        findings(changed(tmp_path / "run", **values))


def test_other_segments_and_negative_places_are_said(tmp_path: Path) -> None:
    rows = pq.read_table(write(tmp_path / "run", corpus(1), ["lrp", "occlusion"]).parts[0]).to_pylist()
    count = len(rows[0]["tokens"])
    with pytest.raises(InputError, match="a token is not described"):
        findings(changed(tmp_path / "one", segment=["nowhere"] * count))
    with pytest.raises(InputError, match="a token lies outside its text"):
        findings(changed(tmp_path / "two", start=[-1] * count))


def test_other_columns_and_manifests_are_said(tmp_path: Path) -> None:
    run = write(tmp_path / "run", corpus(6), ["lrp", "occlusion"])
    table = pq.read_table(run.parts[0])
    pq.write_table(table.drop_columns("output"), run.parts[0])
    with pytest.raises(InputError, match=r"part-00000\.parquet is no part of a run: it has no column 'output'"):
        findings(run.folder)
    pq.write_table(table.set_column(0, "row", pa.array(["1"] * 6)), run.parts[0])
    with pytest.raises(InputError, match="the column 'row' is string"):
        findings(run.folder)
    run.parts[0].write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError, match="cannot be read as a part of a run"):
        findings(run.folder)
    (run.folder / "manifest.json").write_text(json.dumps({"format": 1, "model": 3, "task": "x", "methods": {}}))
    with pytest.raises(InputError, match="names no model, task or methods"):
        findings(run.folder)
