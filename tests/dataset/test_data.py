"""Texts and labels as they stand in the file, whatever they look like, and a fingerprint that is of nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

from explain import InputError
from explain.dataset.data import Data, Row, read

TEXTS = ["a film", "007", 'she said "no"', "NA", "", "1.50"]
LABELS = ["0", "1", "01", "NA", "x", "2"]
EXPECTED = [Row(i, text, label) for i, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))]


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


def test_every_kind_of_file_holds_the_same_rows(tmp_path: Path, cache: str) -> None:
    frame = pd.DataFrame({"other": ["1", "two", "", "4", "5", "6"], "text": TEXTS, "label": LABELS})
    frame.to_csv(tmp_path / "d.csv", index=False)
    lines = ["\t".join(row) for row in zip(frame["other"], TEXTS, LABELS, strict=True)]
    (tmp_path / "d.tsv").write_text("\n".join(["other\ttext\tlabel", *lines]) + "\n")
    (tmp_path / "d.jsonl").write_text("".join(json.dumps({"text": t, "label": n}) + "\n" for t, n in zip(TEXTS, LABELS, strict=True)))
    frame.to_parquet(tmp_path / "d.parquet")
    found = [read(tmp_path / f"d.{kind}", label_column="label", cache=cache) for kind in ("csv", "tsv", "jsonl", "parquet")]
    in_memory = [read(frame, label_column="label"), read(frame.to_dict("records"), label_column="label")]
    for data in (*found, *in_memory):
        assert data.rows(0, 99) == EXPECTED, data.source
        assert data.rows(2, 4) == EXPECTED[2:4]
    assert len({data.fingerprint for data in (*found, *in_memory)}) == 1


def test_a_fingerprint_is_of_texts_labels_and_their_order() -> None:
    def of(texts: list[Any], labels: list[Any]) -> str:
        return Data(datasets.Dataset.from_dict({"text": texts, "label": labels}), "", "text", "label").fingerprint

    known = {of(["a", "b"], ["x", "y"]), of(["b", "a"], ["y", "x"]), of(["a", "b"], ["x", "z"]), of(["ab", ""], ["x", "y"])}
    assert len(known) == 4
    assert of(["a", "b"], ["x", "y"]) in known


def test_labels_have_their_names_and_may_be_missing() -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])})
    named = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, None]}, features=features)
    assert [row.label for row in read(named, label_column="label").rows(0, 3)] == ["good", "bad", None]
    unknown = datasets.Dataset.from_dict({"text": ["a"], "label": [-1]}, features=features)
    assert [row.label for row in read(unknown, label_column="label").rows(0, 1)] == ["-1"]
    assert [row.label for row in read(named).rows(0, 3)] == [None] * 3


def test_the_column_of_the_texts_is_found_where_it_is_clear() -> None:
    assert read([{"sentence": "a", "id": 1}]).text_column == "sentence"
    assert read([{"review": "a"}]).text_column == "review"
    assert read(["a", "b"]).rows(0, 2) == [Row(0, "a", None), Row(1, "b", None)]
    with pytest.raises(InputError, match=r"Several tables were given \(train, test\)\. Give one of them"):
        read(datasets.DatasetDict(train=datasets.Dataset.from_dict({"text": ["a"]}), test=datasets.Dataset.from_dict({"text": ["b"]})))
    with pytest.raises(InputError, match="Which column holds the texts\\? Name one of: a, b"):
        read([{"a": "x", "b": "y"}])


@pytest.mark.parametrize(
    ("given", "asked", "message"),
    [
        ("nowhere.csv", {}, "There is no file"),
        ("d.csv", {"text_column": "words"}, "There is no column 'words'. The data has: text, label"),
        ("d.csv", {"label_column": "truth"}, "There is no column 'truth'. The data has: text, label"),
        ("d.parquet", {"label_column": "truth"}, "There is no column 'truth'. The data has: text"),
        ("d.csv", {"split": "test"}, "is a file: it has no configuration and no split"),
        ("broken.parquet", {}, "cannot be read as PARQUET: "),
        ("broken.jsonl", {}, "cannot be read as JSONL: "),
        ("empty.csv", {}, "cannot be read as CSV: "),
        ("headed.csv", {}, "headed.csv cannot be read as CSV"),
        ("d.xlsx", {}, "is none of the kinds that can be read: .csv"),
    ],
)
def test_what_cannot_be_read_is_said(given: str, asked: dict[str, Any], message: str, tmp_path: Path, cache: str) -> None:
    (tmp_path / "d.csv").write_text("text,label\na,b\n")
    (tmp_path / "d.xlsx").write_text("")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "headed.csv").write_text("text\n")
    (tmp_path / "broken.jsonl").write_text('{"text": \n')
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 nothing")
    pd.DataFrame({"text": ["a"]}).to_parquet(tmp_path / "d.parquet")
    with pytest.raises(InputError) as raised:
        read(tmp_path / given, cache=cache, **asked)
    assert message in str(raised.value)


def test_the_hub_is_asked_for_what_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(*given: Any, **more: Any) -> datasets.Dataset:
        asked.append((given, more))
        return datasets.Dataset.from_dict({"sentence": ["a"], "label": [0]})

    monkeypatch.setattr("datasets.load_dataset", load)
    data = read("owner/name", config="sst2", split="validation", label_column="label")
    assert asked == [(("owner/name", "sst2"), {"split": "validation", "cache_dir": None})]
    assert (data.source, data.text_column) == ("owner/name sst2 validation", "sentence")
    monkeypatch.setattr("datasets.load_dataset", lambda *a, **k: (_ for _ in ()).throw(ConnectionError("no way there")))
    with pytest.raises(InputError, match=r"neither a file .* nor a data set that can be had from the Hub: no way there"):
        read("owner/name")
