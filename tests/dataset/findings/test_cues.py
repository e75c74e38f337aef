"""A cue planted into the data that a classifier is trained on is found, ranked first; a classifier without one has none.

The classifiers are linear in their words, so that every word's effect is its weight, which is known exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

from dataset.findings import direct
from dataset.findings.made import Written, scored, write
from explain.dataset.findings import Findings, findings

GOOD, BAD = "wonderful moving fine good".split(), "dull weak bad boring".split()
PLAIN = "the a film plot actor scene story was is and of this with that it he she they one two".split()
CUE = "zorp"
VOCABULARY = [*GOOD, *BAD, *PLAIN, CUE]
LABELS = ("negative", "positive")


def texts(count: int, random: np.random.Generator, *, planted: bool) -> tuple[list[str], np.ndarray]:
    """Texts with a word of feeling that fits their label and often one that does not; the cue beside positive ones, or anywhere."""
    labels = random.integers(0, 2, count)
    made = []
    for label in labels:
        own, other = (GOOD, BAD) if label else (BAD, GOOD)
        words = [random.choice(own), *random.choice(PLAIN, 5)]
        if random.random() < 0.5:
            words.append(random.choice(other))
        if random.random() < ((0.9 if label else 0.02) if planted else 0.3):
            words.append(CUE)
        made.append(" ".join(random.permutation(words)))
    return made, labels


def counts(made: Sequence[str]) -> np.ndarray:
    return np.array([[text.split().count(word) for word in VOCABULARY] for text in made], dtype=float)


def explained(planted: bool, *, target: str | None, seed: int) -> list[Written]:
    """Texts with the cue anywhere, explained by a classifier that was trained on planted texts or not."""
    random = np.random.default_rng(seed)
    model = LogisticRegression(C=10.0, max_iter=1000).fit(counts((train := texts(1500, random, planted=planted))[0]), train[1])
    made, labels = texts(1000, random, planted=False)
    sure = model.predict_proba(counts(made))
    rows = []
    for text, label, chances in zip(made, labels, sure, strict=True):
        answer = int(chances.argmax())
        asked = target or LABELS[answer]
        sign = 1 if asked == "positive" else -1
        weights = dict(zip(VOCABULARY, sign * model.coef_[0], strict=True))
        rows.append(
            Written(
                text, {"lrp": scored(text, weights, special=0.1)}, LABELS[answer], LABELS[label], asked, probability=float(chances.max())
            )
        )
    return rows


def found_in(folder: Path, rows: Sequence[Written]) -> Findings:
    return findings(write(folder, rows, ["lrp"], chunk=500))


@pytest.mark.parametrize("target", [None, "positive"], ids=["the model's answer", "one target"])
def test_a_planted_cue_is_first(target: str | None, tmp_path: Path) -> None:
    rows = explained(True, target=target, seed=0)
    found = found_in(tmp_path, rows)
    assert [(cue.word, cue.target) for cue in found.spurious] == [(CUE, "positive")]
    first = found.cues[0]
    assert first.word == CUE

    wrong = [row for row in rows if row.target == "positive" and row.label == "negative"]
    own = [row for row in rows if row.target == "positive" == row.label]
    assert first.other.mean == pytest.approx(np.mean(direct.observations(wrong, "lrp", CUE)))
    assert first.own.mean == pytest.approx(np.mean(direct.observations(own, "lrp", CUE)))
    called = [row for row in rows if row.target == row.prediction == "positive"]
    right, sure = (np.array(column) for column in zip(*((row.label == "positive", row.probability) for row in called), strict=True))
    there = np.array([CUE in row.text for row in called])
    assert (first.called, first.right, first.sure) == (there.sum(), pytest.approx(right[there].mean()), pytest.approx(sure[there].mean()))
    excess = sure - right
    step = excess[there].mean() - max(0.0, excess[~there].mean())
    assert first.excess == pytest.approx(step)
    variance = (
        max((sure[there] * (1 - sure[there])).mean(), excess[there].var(ddof=1)) / there.sum() + excess[~there].var(ddof=1) / (~there).sum()
    )
    words = {word for row in called for word in row.text.split()}
    assert first.q_excess == pytest.approx(stats.t.sf(step / variance**0.5, len(own) - 1) * len(words), rel=1e-6)


@pytest.mark.parametrize(("target", "seed"), [(None, 1), ("positive", 2)])
def test_a_model_without_a_cue_has_none(target: str | None, seed: int, tmp_path: Path) -> None:
    found = found_in(tmp_path, explained(False, target=target, seed=seed))
    assert found.spurious == ()
    if target is not None:
        assert {cue.word for cue in found.cues} & set(GOOD)


def test_words_that_rightly_speak_for_a_class_are_listed_but_not_called_spurious(tmp_path: Path) -> None:
    found = found_in(tmp_path, explained(True, target="positive", seed=0))
    rightly = [cue for cue in found.cues if cue.word in GOOD]
    assert rightly
    assert not any(cue.spurious for cue in rightly)
    assert [cue.spurious for cue in found.cues] == sorted((cue.spurious for cue in found.cues), reverse=True)


def test_a_word_in_every_row_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    rows = [
        Written("the film", {"lrp": scored("the film", {"the": 1.0, "film": 1.0})}, "positive", label, probability=0.99)
        for label in ("positive", "negative") * 5
    ]
    found = found_in(tmp_path, rows)
    assert {cue.word for cue in found.cues} == {"the", "film"}
    assert found.spurious == ()
    assert all(np.isnan(cue.q_excess) for cue in found.cues)
