"""A run: the rows of the methods alone, by one process or two, whole after any interruption, and never mixed with another."""

from __future__ import annotations

import errno
import importlib
import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from processes import Python
from zoo import WORDS, Tiny, tiny

from explain import FaithfulnessSettings, InputError, Run, StorageError, TokenExplainer, UnsupportedError, explain_dataset
from explain.__main__ import main

METHODS = ("lrp", "input_x_gradient", "attention", "occlusion")


def texts(count: int, seed: int = 0) -> list[str]:
    """Sentences of 3 to 8 words."""
    chance = np.random.default_rng(seed)
    return [" ".join(chance.choice(WORDS, size=chance.integers(3, 9))) for _ in range(count)]


@pytest.fixture(scope="module")
def made() -> Tiny:
    return tiny("bert-class")


@pytest.fixture(scope="module")
def explainer(made: Tiny) -> Iterator[TokenExplainer]:
    with made.explainer() as open_one:
        yield open_one


def explained(explainer: TokenExplainer, data: Any, folder: Path, **more: Any) -> Run:
    return explain_dataset(explainer, data, folder, **{"methods": METHODS, "progress": False, "chunk": 4} | more)


def same(one: Run, other: Run, *, tolerance: float = 1e-6) -> None:
    """The same rows, with numbers equal up to a tolerance."""
    first, second = list(one.rows()), list(other.rows())
    assert [row["row"] for row in first] == [row["row"] for row in second]
    for mine, theirs in zip(first, second, strict=True):
        assert {k: v for k, v in mine.items() if k not in FLOATING} == {k: v for k, v in theirs.items() if k not in FLOATING}
        for name in one.methods:
            np.testing.assert_allclose(mine["scores"][name], theirs["scores"][name], rtol=0, atol=tolerance)
        np.testing.assert_allclose([mine[k] for k in FLOATING[:2]], [theirs[k] for k in FLOATING[:2]], rtol=0, atol=tolerance)


FLOATING = ("output", "probability", "scores", "trust", "faithfulness", "heads")


def test_every_row_is_the_explanation_of_its_text(explainer: TokenExplainer, tmp_path: Path) -> None:
    rows = [{"text": text, "label": i % 3} for i, text in enumerate(texts(10))]
    told: list[tuple[int, int]] = []
    methods = (*METHODS, "head_ablation")
    run = explained(
        explainer,
        rows,
        tmp_path / "run",
        label_column="label",
        methods=methods,
        foil="LABEL_1",
        target="LABEL_2",
        unit="log_probability",
        faithfulness=FaithfulnessSettings(orders=2, beam=1, limit=5),
        progress=lambda done, of: told.append((done, of)),
    )
    assert (len(run), run.refused, run.complete, run.methods) == (10, 0, True, methods)
    assert told[-1] == (10, 10)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    for number, row in enumerate(run.rows()):
        alone = explainer.analyze(rows[number]["text"], methods, target="LABEL_2", foil="LABEL_1", unit="log_probability")
        assert (row["row"], row["text"], row["label"]) == (number, rows[number]["text"], str(number % 3))
        assert (row["target"], row["foil"], row["unit"]) == ("LABEL_2", "LABEL_1", "log_probability")
        assert row["prediction"] == alone.prediction.text
        assert row["probability"] == pytest.approx(alone.prediction.candidates[0].probability, abs=1e-6)
        assert row["tokens"] == [token.label for token in alone.tokens]
        assert [row["text"][s:e] for s, e in zip(row["start"], row["end"], strict=True)] == [token.text for token in alone.tokens]
        for name in methods:
            np.testing.assert_allclose(row["scores"][name], alone[name].scores, rtol=0, atol=1e-6)
            assert row["output"] == pytest.approx(alone[name].output, abs=5e-6)
        assert row["trust"]["lrp"] == {"gap": pytest.approx(alone["lrp"].gap, abs=1e-5), "tolerance": 1e-3, "refused": None}
        assert row["trust"]["attention"] == {"gap": None, "tolerance": None, "refused": None}
        np.testing.assert_allclose(row["heads"]["self"], alone["head_ablation"].maps["effect_self"], rtol=0, atol=1e-6)
        assert set(row["faithfulness"]) == set(methods)
    assert any(row["faithfulness"]["lrp"] is not None for row in run.rows())
    loaded = datasets.load_dataset("parquet", data_files=str(tmp_path / "run/part-*.parquet"), split="train", cache_dir=str(tmp_path))
    assert loaded["row"][:] == list(range(10))
    assert loaded[3]["scores"]["lrp"] == next(row for row in run.rows() if row["row"] == 3)["scores"]["lrp"]
    assert run.table(["row"]).column("row").to_pylist() == list(range(10))


def test_a_sequence_is_explained_row_by_row(tmp_path: Path) -> None:
    with tiny("gpt2-generation").explainer() as explainer:
        run = explained(explainer, texts(2), tmp_path, methods=["input_x_gradient"], target="good plot")
        alone = explainer.analyze(texts(2)[1], ["input_x_gradient"], target="good plot")
        row = list(run.rows())[1]
        np.testing.assert_allclose(row["scores"]["input_x_gradient"], alone["input_x_gradient"].scores, rtol=0, atol=1e-6)
        assert row["segment"][-1] == "output"
        assert row["probability"] == pytest.approx(np.prod([step.probability for step in alone.prediction.steps]), rel=1e-5)


def test_bad_rows_stop_nothing(explainer: TokenExplainer, tmp_path: Path) -> None:
    rows = ["good film", " ", None, 7, "film " * 80, "bad plot"]
    file = tmp_path / "data.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in rows))
    run = explained(explainer, file, tmp_path / "run", cache=tmp_path)
    assert [row["row"] for row in run.rows()] == [0, 5]
    refused = {one.row: one for one in run.refusals()}
    assert list(refused) == [1, 2, 3, 4]
    assert "The text is empty" in refused[1].reason
    assert refused[2].reason == "There is no text but nothing."
    assert refused[3].reason == "There is no text but 7."
    assert "reads at most 64" in refused[4].reason
    assert (refused[2].text, refused[4].text) == ("", "film " * 80)
    masks = explained(explainer, ["a", "b"], tmp_path / "none", target="purple")
    assert (len(masks), masks.refused, masks.complete) == (0, 2, True)
    assert "'purple' is not a label" in next(masks.refusals()).reason
    assert masks.table().num_rows == 0


def test_a_method_that_refuses_a_row_is_null_there(explainer: TokenExplainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from explain import LRP

    own = LRP.compute_many

    def refusing(self: LRP, scores: Any) -> Any:
        if any(len(score.encoding.tokens) == 4 for score in scores):
            raise InputError("Too short.")
        return own(self, scores)

    monkeypatch.setattr(LRP, "compute_many", refusing)
    run = explained(explainer, ["good film", "good bad film"], tmp_path, methods=["lrp", "attention"])
    short, long = run.rows()
    assert short["scores"]["lrp"] is None
    assert short["trust"]["lrp"]["refused"] == "Too short."
    assert len(short["scores"]["attention"]) == 4
    assert len(long["scores"]["lrp"]) == 5


class Killed(BaseException):
    """As good as a kill: nobody catches it."""


KILLED_AT = {
    "pyarrow.parquet.write_table": (1, 2),  # refused rows are written, the part is not
    "os.fsync": (3, 8),
    "os.replace": (2, 5),
    "explain.dataset.run.schema": (0, 0),
    "explain.dataset.batches.run_many": (0, 5),
}
"""What kills a run, after how many calls of it."""


@pytest.mark.parametrize("name", KILLED_AT)
def test_an_interrupted_run_goes_on_where_it_stopped(
    name: str, explainer: TokenExplainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some parts are there; a restart computes the others alone, and loses and doubles nothing."""
    data = [*texts(11), " "]
    whole = explained(explainer, data, tmp_path / "whole", methods=["input_x_gradient"])
    module, _, attribute = name.rpartition(".")
    original = getattr(importlib.import_module(module), attribute)
    for number, last in enumerate(KILLED_AT[name]):
        folder = tmp_path / str(number)
        calls = [0]

        def dying(*given: Any, calls: list[int] = calls, last: int = last, **more: Any) -> Any:
            calls[0] += 1
            if calls[0] > last:
                raise Killed
            return original(*given, **more)

        monkeypatch.setattr(name, dying)
        with pytest.raises(Killed):
            explained(explainer, data, folder, methods=["input_x_gradient"])
        monkeypatch.setattr(name, original)
        before = {path: path.stat().st_mtime_ns for path in folder.glob("part-*")}
        again = explained(explainer, data, folder, methods=["input_x_gradient"])
        assert all(path.stat().st_mtime_ns == written for path, written in before.items())
        same(again, whole)
        assert again.refused == 1
        assert {path.name for path in folder.iterdir()} == {path.name for path in (tmp_path / "whole").iterdir()}


KILLS_ITSELF = """
import os, signal
replaced = os.replace
def replace(*given):
    if given[1].name == "part-00001.parquet":
        os.kill(os.getpid(), signal.SIGKILL)
    replaced(*given)
os.replace = replace
from explain import explain_dataset
explain_dataset("bert-mini", {texts!r}, {folder!r}, task="classification", methods=["input_x_gradient"], progress=False, chunk=4)
"""


def test_a_process_that_is_killed_loses_and_doubles_nothing(tmp_path: Path) -> None:
    (tmp_path / "kills_itself.py").write_text(KILLS_ITSELF.format(texts=texts(10), folder=str(tmp_path / "run")))
    assert Python(str(tmp_path / "kills_itself.py")).wait().code == -signal.SIGKILL
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"part-00000.parquet", "refused-00001.jsonl"} < left
    assert any(name.endswith(".tmp") for name in left)
    asked: dict[str, Any] = {"task": "classification", "methods": ["input_x_gradient"], "progress": False, "chunk": 4}
    again = explain_dataset("bert-mini", texts(10), tmp_path / "run", **asked)
    same(again, explain_dataset("bert-mini", texts(10), tmp_path / "whole", **asked))
    assert not any(path.name.endswith(".tmp") for path in (tmp_path / "run").iterdir())


def test_two_processes_give_the_rows_of_one(tmp_path: Path) -> None:
    """By the command, as torchrun and accelerate start it; together over gloo."""
    (tmp_path / "data.csv").write_text("text\n" + "".join(f"{text}\n" for text in texts(18)))
    methods = ["input_x_gradient", "lrp"]
    asked = ["--task", "classification", "--data", str(tmp_path / "data.csv"), "--output", str(tmp_path / "two"), "--chunk", "4"]
    command = ["-m", "explain", "dataset", "--model", "bert-mini", *asked, "--methods", *methods]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    own = {"HF_DATASETS_CACHE": str(tmp_path), "ACCELERATE_USE_CPU": "1"}
    both = own | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    processes = [Python(*command, environment=both | {"RANK": rank, "LOCAL_RANK": rank}) for rank in "01"]
    said = [process.wait() for process in processes]
    assert [done.code for done in said] == [0, 0], said
    assert [done.out for done in said] == [f"18 texts are explained and 0 could not be: {tmp_path / 'two'}\n", ""]
    how: dict[str, Any] = {"task": "classification", "methods": methods, "progress": False, "chunk": 4, "cache": tmp_path}
    one = explain_dataset("bert-mini", tmp_path / "data.csv", tmp_path / "one", **how)
    two = Run.open(tmp_path / "two")
    same(two, one)
    assert two.manifest == one.manifest
    counts = [re.search(r"100%.*?(\d+)/(\d+)", done.err) for done in said]
    assert counts[0] is not None
    assert counts[0][1] == "10"  # three of five chunks, the last of which has two rows


def test_another_run_is_refused_and_the_message_says_why(explainer: TokenExplainer, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("text,label\n" + "".join(f"{text},x\n" for text in texts(5)))
    run = explained(explainer, file, tmp_path / "run", methods=["attention"], cache=tmp_path)
    manifest = run.manifest
    assert manifest["versions"].keys() >= {"explain", "torch", "transformers", "datasets", "accelerate", "pyarrow", "python"}
    assert (manifest["seed"], manifest["task"], len(manifest["weights"]), manifest["data"]["rows"]) == (0, "classification", 64, 5)
    changes = (
        ({"methods": ["attention"], "options": {"attention": {"layer": 0}}}, "methods.attention.layer was null, now 0"),
        ({"methods": ["lrp"]}, "methods.attention was"),
        ({"methods": ["attention"], "target": "LABEL_1"}, 'target was null, now "LABEL_1"'),
        ({"methods": ["attention"], "label_column": "label"}, 'data.label_column was null, now "label"'),
        ({"methods": ["attention"], "chunk": 5}, "chunk was 4, now 5"),
        ({"methods": ["attention"], "faithfulness": True}, "faithfulness was null"),
    )
    for changed, message in changes:
        with pytest.raises(InputError) as raised:
            explained(explainer, file, tmp_path / "run", cache=tmp_path, **changed)
        assert message in str(raised.value)
    file.write_text("text,label\n" + "".join(f"{text},x\n" for text in texts(5, seed=1)))
    with pytest.raises(InputError, match=r"data\.fingerprint was"):
        explained(explainer, file, tmp_path / "run", methods=["attention"], cache=tmp_path)
    with tiny("bert-class", deep=True).explainer() as other, pytest.raises(InputError, match="weights was"):
        explained(other, texts(5), tmp_path / "run", methods=["attention"])
    assert Run.open(tmp_path / "run").manifest == manifest


def test_a_full_disk_and_a_file_in_the_way_are_said(explainer: TokenExplainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        explained(explainer, texts(2), tmp_path / "file")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("pyarrow.parquet.write_table", full)
        with pytest.raises(StorageError, match=r"No space is left for .*part-00000\.parquet.*start the same"):
            explained(explainer, texts(2), tmp_path / "run")
    assert len(explained(explainer, texts(2), tmp_path / "run")) == 2


def test_what_cannot_be_asked_is_said_before_anything_is_explained(explainer: TokenExplainer, tmp_path: Path) -> None:
    for asked, message in (
        ({"chunk": 0}, "at least 1 row"),
        ({"colour": "red"}, "cannot be asked with 'colour'"),
        ({"unit": "volts"}, "The unit 'volts' is not known"),
        ({"methods": []}, "No method was chosen"),
    ):
        with pytest.raises(InputError, match=message):
            explained(explainer, texts(2), tmp_path / "run", **asked)
    with tiny("xlnet-class").explainer() as hidden, pytest.raises(UnsupportedError, match="Attention needs the attention"):
        explained(hidden, texts(2), tmp_path / "run", methods=["attention"])
    assert not (tmp_path / "run").exists()


def test_the_command_is_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)
    (tmp_path / "data.csv").write_text("review,stars\nA good film.,5\nA bad film.,1\n,3\n")
    asked = ["dataset", "--data", str(tmp_path / "data.csv"), "--output", str(tmp_path / "run"), "--text-column", "review"]
    more = [
        "--label-column",
        "stars",
        "--methods",
        "input_x_gradient",
        "attention",
        "--option",
        "attention.layer=0",
        "--target",
        "positive",
    ]
    assert main([*asked, *more]) == 0
    assert capsys.readouterr().out == f"2 texts are explained and 1 could not be: {tmp_path / 'run'}\n"
    run = Run.open(tmp_path / "run")
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        expected = explainer.analyze("A bad film.", ["input_x_gradient"], target="positive")["input_x_gradient"]
    row = list(run.rows())[1]
    np.testing.assert_allclose(row["scores"]["input_x_gradient"], expected.scores, rtol=0, atol=1e-5)
    assert (row["label"], row["target"], run.manifest["methods"]["attention"]["layer"]) == ("1", "positive", 0)
    assert main([*asked, *more, "--chunk", "7"]) == 2
    assert "chunk was 1024, now 7" in capsys.readouterr().err
