"""`explain findings` on a run: what it prints and writes, and what it refuses in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset.findings.made import corpus, write
from explain.__main__ import main
from explain.dataset.reader import Run

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write(tmp_path_factory.mktemp("run"), corpus(60)[:40], ["lrp", "occlusion"])


def test_it_prints_and_writes_everything(run: Run, tmp_path: Path, capsys: Captured) -> None:
    files = {kind: tmp_path / f"report.{kind}" for kind in ("html", "png")}
    reports = [part for path in files.values() for part in ("--report", str(path))]
    more = ["--minimum", "4", "--most", "5", "--keywords", "good", "--slice", "praise=good,fine", "--slice", "blame=bad", "--word", "film"]
    asked = [*more, "--other-method", "occlusion", "--app", "http://127.0.0.1:1", "--csv", str(tmp_path / "tables")]
    assert main(["findings", str(run.folder), *reports, *asked]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("bert-mini · classification · 40 rows\n")
    parts = "LRP: words by their mean effect on|Spurious cues|Faithfulness over|Agreement|Critical heads|Keywords|Slices"
    for part in parts.split("|"):
        assert part in printed
    assert "LRP beside Occlusion: 40 rows in both" in printed
    assert "film by lrp: the strongest" in printed
    assert "Occlusion: words by" not in printed
    assert files["html"].read_text().count('href="http://127.0.0.1:1/?task=classification&amp;q=1.') > 10
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert {"words.csv", "side_by_side.csv", "differences.csv"} <= {path.name for path in (tmp_path / "tables").iterdir()}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--methods", "shap"], "This run has no method 'shap'. It has: lrp, occlusion."),
        (["--report", "/nowhere/report.html"], "cannot be written: its folder does not exist"),
        (["--report", "report.doc"], "cannot be written: its name must end in .html, .pdf, .png"),
        (["--slice", "women"], "The slice 'women' needs a name and words"),
        (["--minimum", "0"], "A word must stand in at least 2 rows"),
        (["--other", "/nowhere"], "There is no run in /nowhere"),
    ],
)
def test_an_error_is_one_clear_line(run: Run, asked: list[str], message: str, capsys: Captured) -> None:
    assert main(["findings", str(run.folder), *asked]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
