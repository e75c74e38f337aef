"""The report of a run: one file that needs nothing else, and shows hostile texts as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from dataset.findings.made import Written, corpus, pieces, write

from explain.dataset.findings import Findings, Line, behind, findings, side_by_side
from explain.dataset.reader import Run
from explain.visualization.findings_page import findings_page
from explain.visualization.findings_terminal import findings_lines
from visualization.test_page import LOADING, Reader

HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(2)> \" ' & good \x1b[31m film"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Findings]:
    rows = corpus(40)
    for number in range(12):
        scores = {name: [0.1 * i + number / 10 for i in range(len(pieces(HOSTILE)) + 2)] for name in ("lrp", "occlusion")}
        rows.append(Written(HOSTILE, scores, "<b>positive</b>", "<b>positive</b>" if number % 2 else "negative", "<b>positive</b>"))
    run = write(tmp_path_factory.mktemp("run"), rows, ["lrp", "occlusion"], model='<i>"model"')
    return run, findings(run, minimum=2, keywords=["<script>"], slices=["<a>=good", "b=film"])


def test_it_is_one_sound_file_that_loads_nothing(made: tuple[Run, Findings]) -> None:
    run, found = made
    lines = dict(enumerate(behind(run, [*found.words, *found.errors, *found.cues])))
    page = findings_page(found, lines, other=side_by_side(run, minimum=2))
    read = Reader(page)
    assert page.startswith("<!DOCTYPE html>")
    assert read.text("title") == 'Findings: <i>"model", 52 rows'
    assert not read.all("script")
    assert not [name for _, attributes, _ in read.elements for name in attributes if name in LOADING or name.startswith("on")]
    assert {"img", "i", "link", "iframe"}.isdisjoint({tag for tag, _, _ in read.elements})
    assert HOSTILE.split()[0] in read.text("bdi")
    assert "\x1b" not in page
    assert [heading for path, heading in read.words if path.endswith("h2")] == [
        *("Words", "Errors", "Spurious cues", "Methods", "Heads", "Keywords and slices", "Side by side")
    ]
    first = found.words[0]
    cells = [data for path, data in read.words if path.endswith("td")]
    assert f"{first.effect.mean:+.3g}" in cells
    assert f"{first.effect.low:+.3g} to {first.effect.high:+.3g}" in cells
    assert len(read.all("details")) == len([one for one in (*found.words, *found.errors, *found.cues) if one.places])


def test_examples_are_links_if_there_is_an_app(made: tuple[Run, Findings]) -> None:
    run, found = made

    def link(line: Line) -> str:
        return f'http://127.0.0.1/?q={line.row}"><script>' if line.row % 2 else ""

    lines = {0: behind(run, found.words[:1])[0]}
    read = Reader(findings_page(found, lines, link=link))
    assert [anchor["href"] for anchor in read.all("a")] == [link(line) for line in lines[0] if line.row % 2]


def test_the_terminal_is_not_steered(made: tuple[Run, Findings]) -> None:
    printed = findings_lines(made[1])
    assert not any(ord(c) < 32 and c != "\n" for c in printed)
    assert "<b>positive</b>" in printed


def test_an_empty_run_has_a_report(tmp_path: Path) -> None:
    found = findings(write(tmp_path, [], ["lrp"]))
    assert "The run has no rows." in Reader(findings_page(found)).text("p")
    assert "The run has no rows." in findings_lines(found)
