"""Two runs or two methods, joined by the rows of the data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dataset.findings import direct
from dataset.findings.made import Written, corpus, write
from explain.dataset.findings import side_by_side
from explain.dataset.reader import Run
from explain.errors import InputError

METHODS = ["lrp", "occlusion"]
ONE = corpus(90, seed=6)


def other_model() -> list[Written]:
    """The same texts, as another model explains them."""
    random = np.random.default_rng(9)
    made = []
    for number, row in enumerate(ONE):
        said = row.prediction if number % 4 else {"positive": "negative", "negative": "positive"}[row.prediction]
        scores = {
            name: None if values is None else [value + random.normal(0, 0.5) for value in values] for name, values in row.scores.items()
        }
        made.append(Written(row.text, scores, said, row.label, said))
    return made


TWO = other_model()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    folder = tmp_path_factory.mktemp("runs")
    first = write(folder / "one", ONE[:80], METHODS, chunk=11)
    second = write(folder / "two", TWO[5:], METHODS, chunk=13, numbers=range(5, 90), model="other")
    return first, second


def test_words_are_compared_over_the_same_rows(runs: tuple[Run, Run]) -> None:
    found = side_by_side(*runs, method="occlusion", minimum=3, most=100)
    both = [(one, two) for one, two in zip(ONE[5:80], TWO[5:80], strict=True)]
    assert (found.rows, found.alone) == (75, 15)
    assert found.disagreeing == sum(one.prediction != two.prediction for one, two in both)
    assert found.compared == found.rows - found.disagreeing
    assert not found.shares
    assert (found.first.name, found.second.name) == ("bert-mini", "other")
    for pair in found.words:
        alike = [(one, two) for one, two in both if one.target == two.target == pair.target]
        values = [
            (np.mean(first[pair.word]), np.mean(second[pair.word]))
            for one, two in alike
            if pair.word in (first := direct.effects(one, "occlusion")) and pair.word in (second := direct.effects(two, "occlusion"))
        ]
        first, second = (list(side) for side in zip(*values, strict=True))
        difference = [a - b for a, b in values]
        assert pair.first.mean == pytest.approx(np.mean(first))
        assert pair.second.mean == pytest.approx(np.mean(second))
        np.testing.assert_allclose(
            [pair.difference.mean, pair.difference.low, pair.difference.high], direct.interval(difference), atol=1e-12
        )
        assert pair.first.rows == pair.second.rows == pair.difference.rows == len(values)
    for target, rho in found.correlation.items():
        own = [pair for pair in found.words if pair.target == target]
        assert rho == pytest.approx(stats.spearmanr([p.first.mean for p in own], [p.second.mean for p in own]).statistic)
    assert len(found.changed) == found.disagreeing
    assert all(pair.predictions[0] != pair.predictions[1] for pair in found.changed)
    json.dumps(found.to_dict(), allow_nan=False)
    assert len(found.to_frame()) == len(found.words)


def test_rows_furthest_apart_come_first(runs: tuple[Run, Run]) -> None:
    found = side_by_side(*runs, method="lrp", minimum=3, most=4)
    distances = {}
    for number in range(5, 80):
        one, two = (direct.effects(rows[number], "lrp") for rows in (ONE, TWO))
        if ONE[number].target == TWO[number].target and len(one) >= 3:
            a, b = (np.array([np.mean(side[word]) for word in sorted(side)]) for side in (one, two))
            distances[number] = 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    expected = sorted(distances, key=lambda number: -distances[number])[:4]
    assert [pair.row for pair in found.apart] == expected
    np.testing.assert_allclose([pair.apart for pair in found.apart], [distances[number] for number in expected], atol=1e-12)


def test_two_methods_of_one_run_are_compared_as_shares(runs: tuple[Run, Run]) -> None:
    found = side_by_side(runs[0], minimum=3, most=100)
    assert found.shares
    assert (found.first.name, found.second.name) == ("LRP", "Occlusion")
    assert (found.rows, found.alone, found.disagreeing) == (80, 0, 0)
    pair = found.words[0]
    values = []
    for row in ONE[:80]:
        one, two = (direct.effects(row, method) for method in METHODS)
        if row.target == pair.target and pair.word in one and two:
            whole = [sum(abs(np.mean(values)) for values in side.values()) for side in (one, two)]
            values.append(np.mean(one[pair.word]) / whole[0] - np.mean(two[pair.word]) / whole[1])
    assert pair.difference.mean == pytest.approx(np.mean(values))


def test_what_cannot_be_compared_is_said(runs: tuple[Run, Run], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="These runs are not of the same data: row 0 is"):
        side_by_side(runs[0], write(tmp_path / "other", corpus(20, seed=8), METHODS))
    with pytest.raises(InputError, match="there is nothing to compare it with"):
        side_by_side(runs[0], method="lrp", other_method="lrp")
    with pytest.raises(InputError, match="This run has no method 'shap'"):
        side_by_side(*runs, other_method="shap")
    empty = side_by_side(write(tmp_path / "none", [], METHODS))
    assert (empty.rows, empty.words, empty.apart) == (0, (), ())
