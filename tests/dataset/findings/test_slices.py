"""Keywords and slices are means over the rows that have them; differences are Welch's."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dataset.findings import direct
from dataset.findings.made import Written, corpus, write
from explain.dataset.findings import Findings, findings
from explain.dataset.reader import Run

METHODS = ["lrp", "occlusion"]
ROWS = corpus(120, seed=3)
SLICES = ["praise=good,fine,wonderful", "blame=/(?i)\\b(bad|dull)\\b/", "labelled=label:negative"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write(tmp_path_factory.mktemp("run"), ROWS, METHODS)


@pytest.fixture(scope="module")
def found(run: Run) -> Findings:
    return findings(run, keywords=["zorp", "not good"], slices=SLICES)


def rows_of(name: str, target: str) -> list[Written]:
    words = {"praise": "good|fine|wonderful", "blame": "bad|dull"}
    own = [row for row in ROWS if row.target == target]
    if name == "labelled":
        return [row for row in own if row.label == "negative"]
    return [row for row in own if re.search(rf"(?i)\b({words[name]})\b", row.text)]


def effect_of(row: Written, words: str, method: str) -> float:
    effects = direct.effects(row, method)
    return float(np.mean([value for word in words.split("|") for value in effects.get(word, [])])) if effects else float("nan")


def test_slices_are_means_over_their_rows(found: Findings) -> None:
    assert [(one.name, one.target) for one in found.slices] == [
        (name, target) for target in ("negative", "positive") for name in ("praise", "blame", "labelled")
    ]
    for one in found.slices:
        rows = rows_of(one.name, one.target)
        assert one.rows == len(rows)
        output = one.values["output"]
        np.testing.assert_allclose([output.mean, output.low, output.high], direct.interval([row.output for row in rows]), atol=1e-12)
        right = [float(row.label == row.prediction) for row in rows if row.label is not None]
        assert one.values["right"].mean == pytest.approx(np.mean(right))
        if one.name == "labelled":
            assert not set(METHODS) & set(one.values)
            continue
        words = {"praise": "good|fine|wonderful", "blame": "bad|dull"}[one.name]
        for method in METHODS:
            values = [value for row in rows if (value := effect_of(row, words, method)) == value]
            measure = one.values[method]
            np.testing.assert_allclose([measure.mean, measure.low, measure.high], direct.interval(values), atol=1e-12)


def test_differences_are_the_first_minus_the_second(found: Findings) -> None:
    assert len(found.differences) == 6
    one = next(one for one in found.differences if (one.first, one.second, one.target) == ("praise", "blame", "positive"))
    sides = [[row.output for row in rows_of(name, "positive")] for name in ("praise", "blame")]
    expected = stats.ttest_ind(*sides, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    measure = one.values["output"]
    mean = np.mean(sides[0]) - np.mean(sides[1])
    np.testing.assert_allclose(list(vars(measure).values()), [mean, low, high, expected.pvalue], atol=1e-12)
    assert "lrp" in one.values
    other = next(one for one in found.differences if one.second == "labelled")
    assert "lrp" not in other.values


def test_keywords_may_be_phrases_and_carry_their_places(found: Findings) -> None:
    by_name = {(one.name, one.target): one for one in found.keywords}
    rows = [row for row in ROWS if row.target == "positive" and re.search(r"(?i)\bnot good\b", row.text)]
    assert by_name["not good", "positive"].rows == len(rows) > 0
    one = by_name["zorp", "positive"]
    values = direct.observations([row for row in ROWS if row.target == "positive"], "lrp", "zorp")
    assert one.values["lrp"].mean == pytest.approx(np.mean(values), abs=1e-12)
    for place in one.places["lrp"]:
        assert ROWS[place.row].text[place.start : place.end].casefold() == "zorp"
    sizes = [abs(place.effect) for place in one.places["lrp"]]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == 5


def test_a_slice_without_rows_is_left_out(tmp_path: Path) -> None:
    found = findings(write(tmp_path, ROWS[:5], METHODS), slices=["nobody=xylophone", "one=label:positive"])
    assert "nobody" not in {one.name for one in found.slices}
