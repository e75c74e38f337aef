"""Every occurrence behind a finding, in its context."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dataset.findings import direct
from dataset.findings.made import Written, corpus, scored, write
from explain.dataset.findings import Slice, Where, behind, concordance, findings
from explain.dataset.reader import Run

ROWS = corpus(100, seed=4)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write(tmp_path_factory.mktemp("run"), ROWS, ["lrp", "occlusion"])


@pytest.mark.parametrize("where", [Where(), Where(target="positive"), Where(label="negative", wrong=True), Where(not_label="positive")])
def test_it_has_every_occurrence_the_strongest_first(run: Run, where: Where) -> None:
    found = concordance(run, "Film", method="occlusion", where=where, most=7)
    rows = [
        (number, row)
        for number, row in enumerate(ROWS)
        if (where.target is None or row.target == where.target)
        and (where.label is None or row.label == where.label)
        and (where.not_label is None or row.label not in (None, where.not_label))
        and (where.wrong is None or (row.label is not None and (row.label != row.prediction) is where.wrong))
    ]
    there = [(abs(value), number, value) for number, row in rows for value in direct.effects(row, "occlusion").get("film", [])]
    assert found.total == len(there)
    assert [(line.row, line.effect) for line in found.lines] == [(n, pytest.approx(v)) for _, n, v in sorted(there, reverse=True)[:7]]
    for line in found.lines:
        row = ROWS[line.row]
        assert (line.text, line.label, line.prediction, line.target, line.output) == (
            row.text,
            row.label,
            row.prediction,
            row.target,
            row.output,
        )
        assert line.word.casefold() == "film"
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_line_has_its_context(tmp_path: Path) -> None:
    text = "a " * 40 + "\n\tfilm " + "b " * 40
    run = write(tmp_path, [Written(text, {"lrp": scored(text, {"film": 2.0})})], ["lrp"])
    (line,) = concordance(run, "film").lines
    left, right = line.context(10)
    assert (left, line.word, right) == ("…a a a a", "film", " b b b b b…")
    frame = concordance(run, "film").to_frame()
    assert list(frame.columns) == ["row", "left", "word", "right", "effect", "target", "label", "prediction"]
    assert frame.loc[0, "effect"] == 2.0


def test_the_lines_behind_findings_are_their_places(run: Run) -> None:
    found = findings(run, minimum=3)
    some = [*found.words[:3], *found.errors[:2]]
    for finding, lines in zip(some, behind(run, some), strict=True):
        assert [(line.row, line.start, line.end, line.effect) for line in lines] == [
            (place.row, place.start, place.end, place.effect) for place in finding.places
        ]
        assert all(line.text == ROWS[line.row].text for line in lines)
    assert behind(run, []) == []


def test_a_slice_has_one_too(run: Run) -> None:
    found = concordance(run, Slice("praise", words=("good", "fine")), method="lrp", most=1000)
    assert found.total == sum(len(direct.effects(row, "lrp").get(word, [])) for row in ROWS for word in ("good", "fine"))
    for line in found.lines:
        assert line.effect == pytest.approx(
            next(v for v in direct.effects(ROWS[line.row], "lrp")[line.word.casefold()] if abs(v - line.effect) < 1e-9)
        )
