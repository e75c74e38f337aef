"""Words of a row: their pieces' scores summed, special tokens left out, refused rows empty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dataset.findings import direct
from dataset.findings.made import Written, corpus, write
from explain.dataset.findings.effects import READ, Counted, by_row, effects_in
from explain.dataset.reader import Run
from explain.errors import InputError

METHODS = ["lrp", "occlusion"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write(tmp_path_factory.mktemp("run"), corpus(40), METHODS, chunk=40)


def batch_of(run: Run) -> pa.RecordBatch:
    return next(run.batches(READ))


def test_a_words_effect_is_the_sum_of_its_pieces(run: Run) -> None:
    found = by_row(effects_in(batch_of(run), METHODS, Counted()), METHODS)
    for number, row in enumerate(corpus(40)):
        own = found[found["row"] == number].set_index("word")
        for method in METHODS:
            expected = direct.effects(row, method)
            for word in own.index:
                if row.scores[method] is None:
                    assert np.isnan(own.loc[word, method])
                else:
                    assert own.loc[word, method] == pytest.approx(np.mean(expected[word]), abs=1e-12)
                    assert own.loc[word, "occurrences"] == len(expected[word])
            assert row.scores[method] is None or set(own.index) == set(expected)


def test_a_slice_of_a_batch_is_read_as_it_is(run: Run) -> None:
    whole, batch = effects_in(batch_of(run), METHODS, Counted()), batch_of(run)
    parts = [effects_in(batch.slice(start, 9), METHODS, Counted()) for start in range(0, 40, 9)]
    for name in whole:
        joined = np.concatenate([part[name].to_numpy() for part in parts])
        assert all(a == b or (a != a and b != b) or (a is None and b is None) for a, b in zip(whole[name], joined, strict=True)), name


def test_case_and_pieces_count_if_wanted(tmp_path: Path) -> None:
    run = write(tmp_path, [Written("Wonderful wonderful film", {"lrp": [9.0, 1, 2, 3, 4, 5, 9]})], ["lrp"])
    places = effects_in(batch_of(run), ["lrp"], Counted(casefold=False))
    assert list(zip(places["word"], places["start"], places["end"], places["lrp"], strict=True)) == [
        ("Wonderful", 0, 9, 3.0),
        ("wonderful", 10, 19, 7.0),
        ("film", 20, 24, 5.0),
    ]
    tokens = effects_in(batch_of(run), ["lrp"], Counted("tokens"))
    assert list(zip(tokens["word"], tokens["lrp"], strict=True)) == [
        ("wond", 1.0),
        ("erful", 2.0),
        ("wond", 3.0),
        ("erful", 4.0),
        ("film", 5.0),
    ]


def test_what_is_missing_is_nan_and_what_is_damaged_is_said(run: Run, tmp_path: Path) -> None:
    assert effects_in(batch_of(run), ["shap"], Counted())["shap"].isna().all()
    damaged = write(tmp_path, [Written("a film", {"lrp": [1.0]})], ["lrp"])
    with pytest.raises(InputError, match="This run is damaged: lrp has other numbers of scores"):
        effects_in(batch_of(damaged), ["lrp"], Counted())
    with pytest.raises(InputError, match="The unit 'letters' is not known"):
        Counted("letters")
