"""Findings are what plain loops over the rows give; what is missing is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dataset.findings import direct
from dataset.findings.made import Written, corpus, scored, write
from explain.dataset.findings import Findings, findings
from explain.dataset.reader import Run
from explain.errors import InputError

METHODS = ["lrp", "occlusion"]
ROWS = corpus(120)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write(tmp_path_factory.mktemp("run"), ROWS, METHODS, chunk=17)


@pytest.fixture(scope="module")
def found(run: Run) -> Findings:
    return findings(run, minimum=3, most=30)


def test_words_are_means_over_rows(found: Findings) -> None:
    seen = set()
    for one in found.words:
        rows = [row for row in ROWS if row.target == one.target]
        values = direct.observations(rows, one.method, one.word)
        expected = direct.interval(values)
        np.testing.assert_allclose([one.effect.mean, one.effect.low, one.effect.high], expected, atol=1e-12)
        assert one.effect.rows == len(values)
        assert one.effect.occurrences == sum(
            len(direct.effects(row, one.method)[one.word]) for row in rows if one.word in row.text.casefold()
        )
        seen.add((one.method, one.target, one.word))
    wanted = {
        (method, target, word)
        for method in METHODS
        for target in ("positive", "negative")
        for word in direct.words_in(ROWS)
        if len(direct.observations([row for row in ROWS if row.target == target], method, word)) >= 3
    }
    assert seen == wanted
    own = [one for one in found.words if (one.method, one.target) == ("lrp", "negative")]
    p = [stats.ttest_1samp(direct.observations([r for r in ROWS if r.target == "negative"], "lrp", one.word), 0).pvalue for one in own]
    np.testing.assert_allclose([one.q for one in own], stats.false_discovery_control(p), rtol=1e-9)
    towards = [one.effect.mean for one in own if one.effect.mean > 0]
    away = [one.effect.mean for one in own if one.effect.mean < 0]
    assert [one.effect.mean for one in own] == sorted(towards, reverse=True) + sorted(away)


def test_errors_are_wrong_minus_right(found: Findings) -> None:
    assert {(one.method, one.label) for one in found.errors} == {(m, t) for m in METHODS for t in ("positive", "negative")}
    for one in found.errors:
        labelled = [row for row in ROWS if row.label == one.label]
        wrong, right = ([row for row in labelled if (row.prediction != row.label) == side] for side in (True, False))
        first, second = (direct.observations(rows, one.method, one.word) for rows in (wrong, right))
        expected = stats.ttest_ind(first, second, equal_var=False)
        low, high = expected.confidence_interval(0.95)
        np.testing.assert_allclose([one.difference, one.low, one.high], [np.mean(first) - np.mean(second), low, high], atol=1e-10)
        scored_rows = [sum(row.scores[one.method] is not None for row in rows) for rows in (wrong, right)]
        assert (one.share_wrong, one.share_right) == (len(first) / scored_rows[0], len(second) / scored_rows[1])
        np.testing.assert_allclose([one.wrong.mean, one.right.mean], [np.mean(first), np.mean(second)], atol=1e-12)


def test_places_are_the_strongest_occurrences(found: Findings) -> None:
    for one in (*found.words[:6], *found.errors[:6], *found.cues[:6]):
        there = []
        for number, row in enumerate(ROWS):
            chosen = one.where
            if chosen.target is not None and row.target != chosen.target:
                continue
            if chosen.label is not None and row.label != chosen.label:
                continue
            if chosen.not_label is not None and row.label in (None, chosen.not_label):
                continue
            if chosen.wrong is not None and (row.label is None or (row.label != row.prediction) != chosen.wrong):
                continue
            there += [(abs(value), number, value) for value in direct.effects(row, one.method).get(one.word, [])]
        expected = sorted(there, reverse=True)[:5]
        assert [place.row for place in one.places] == [row for _, row, _ in expected]
        np.testing.assert_allclose([place.effect for place in one.places], [value for *_, value in expected], atol=1e-12)
        for place in one.places:
            assert ROWS[place.row].text[place.start : place.end].casefold() == one.word


def test_what_is_known_of_the_rows(found: Findings, run: Run) -> None:
    assert found.rows == 120
    assert sum(found.answers.values()) == sum(found.targets.values()) == 120
    assert found.answers["positive", "negative"] == sum((row.label, row.prediction) == ("positive", "negative") for row in ROWS)
    assert found.titles == {"lrp": "LRP", "occlusion": "Occlusion"}
    refused = sum(row.scores["occlusion"] is not None for row in ROWS)
    assert f"occlusion explained {refused} of the 120 rows." in found.notes
    one = findings(run, methods=["occlusion"], minimum=3)
    assert one.methods == ("occlusion",)
    assert one.agreement is None


def test_everything_is_json_and_a_table(found: Findings) -> None:
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["words"][0]["effect"]["mean"] == found.words[0].effect.mean
    assert told["words"][0]["where"] == {"target": found.words[0].target}
    assert told["words"][0]["places"][0] == vars(found.words[0].places[0])
    frames = found.to_frames()
    assert len(frames["words"]) == len(found.words)
    assert {"method", "word", "target", "effect_mean", "effect_low", "effect_high", "effect_rows", "q"} <= set(frames["words"])
    assert len(frames["heads"]) == 6
    assert "spurious" in found.to_frame("cues")
    with pytest.raises(InputError, match=r"There is no table 'verbs' of findings. Choose from: words"):
        found.to_frame("verbs")


def test_an_empty_run_says_so(tmp_path: Path) -> None:
    found = findings(write(tmp_path, [], METHODS))
    assert found.notes == ("The run has no rows.",)
    assert found.words == found.errors == found.cues == ()
    assert found.agreement is found.faithfulness is found.heads is None
    json.dumps(found.to_dict(), allow_nan=False)
    assert all(frame.empty for frame in found.to_frames().values())


def test_one_class_has_no_cues_and_says_why(tmp_path: Path) -> None:
    rows = [Written(row.text, row.scores, "positive", "positive") for row in ROWS[:30]]
    found = findings(write(tmp_path, rows, METHODS), minimum=2)
    assert found.words
    assert found.errors == found.cues == ()
    assert any(note.startswith("All labels are positive") for note in found.notes)


def test_labels_that_the_model_never_says_are_told(tmp_path: Path) -> None:
    rows = [Written("a film", {"lrp": scored("a film", {})}, "positive", str(number % 2)) for number in range(4)]
    (note,) = findings(write(tmp_path, rows, ["lrp"])).notes
    assert note == "No label is ever what the model says: the data's labels are 0, 1, the model says positive."


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"methods": ["shap"]}, "This run has no method 'shap'. It has: lrp, occlusion."),
        ({"unit": "letters"}, "The unit 'letters' is not known. Choose from: words, tokens."),
        ({"minimum": 1}, "A word must stand in at least 2 rows"),
        ({"slices": ["x=nowhere:1"]}, "This run has no column 'nowhere'. It has: "),
    ],
)
def test_what_cannot_be_found_is_said(run: Run, asked: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        findings(run, **asked)  # type: ignore[arg-type]
