"""What a Parquet file takes is known before it is read: by what it says, and by what it does not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from explain.dataset.data import read
from explain.dataset.parquet import check_size, size
from explain.errors import InputError

LONG = "x" * 100_000
HOSTILE: dict[str, dict[str, list[Any]]] = {
    "one long text a thousand times": {"text": [LONG] * 100},
    "the same in lists": {"text": ["a"] * 10, "tokens": [[LONG] * 10] * 10},
    "nothing, very often": {"text": [None] * 300_000},
    "numbers that are alike": {"text": ["a"] * 100, "scores": [[0.0] * 10_000] * 100},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_few_bytes_that_stand_for_many_are_refused_before_they_are_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    columns = {key: pa.array(values, pa.string()) if values[0] is None else pa.array(values) for key, values in HOSTILE[name].items()}
    pq.write_table(pa.table(columns), path, compression="zstd", row_group_size=4_000_000)
    assert path.stat().st_size < 20_000
    with pytest.raises(InputError, match=r"d\.parquet would take more than [\d,]+ bytes in memory; at most 2,000,000 are taken here"):
        read(path, text_column="text", cache=tmp_path / "cache", most=2_000_000)
    assert not (tmp_path / "cache").exists()


def test_what_fits_is_read(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pq.write_table(pa.table({"text": ["a film", "a plot"], "other": [[LONG], [LONG]]}), path)
    assert [row.text for row in read(path, text_column="text", cache=tmp_path / "cache", most=300_000).rows(0, 2)] == ["a film", "a plot"]
    check_size([path], 1000, columns=["text"])
    with pytest.raises(InputError, match="These 2 files would take more"):
        check_size([path, path], 300_000)


def test_every_value_is_counted_as_often_as_it_stands_there() -> None:
    texts = pa.array(["abc", None, "abcdef", "abc"]).dictionary_encode()
    assert size(texts) == 4 * 8 + 12
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 4]), texts)
    assert size(lists) == 2 * 8 + 4 * 8 + 12
    assert size(pa.StructArray.from_arrays([texts, texts], ["a", "b"])) == 2 * 44
