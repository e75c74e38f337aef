"""Aligned words: every word once and in order, equal words together, and sums that stay the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from zoo import REAL, real

from explain import InputError, TokenExplainer
from explain.prompts.alignment import align, align_keys, aligned_scores

ROWS = st.lists(st.lists(st.sampled_from("abcdé中"), max_size=12), min_size=1, max_size=8)


def keys(rows):
    return [[(word, False, False) for word in row] for row in rows]


def check(rows, columns, matrix):
    assert matrix.shape == (len(rows), len(columns))
    for row, numbers in zip(rows, matrix, strict=True):
        assert numbers[numbers >= 0].tolist() == list(range(len(row)))
        assert [columns[column][0] for column in np.flatnonzero(numbers >= 0)] == list(row)
    assert (matrix >= 0).any(0).all()


@given(ROWS)
@settings(max_examples=300, deadline=None)
def test_every_word_stands_once_in_order_under_an_equal_label(rows):
    check(rows, *align_keys(keys(rows)))


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.integers(1, 5))
def test_equal_prompts_share_all_columns(row, count):
    columns, matrix = align_keys(keys([row] * count))
    assert len(columns) == len(row)
    assert (matrix == np.arange(len(row))).all()


@given(st.lists(st.integers(), unique=True, max_size=12), st.data())
def test_a_prompt_with_words_left_out_needs_no_new_column(row, data):
    kept = data.draw(st.lists(st.booleans(), min_size=len(row), max_size=len(row)))
    shorter = [word for word, keep in zip(row, kept, strict=True) if keep]
    columns, matrix = align_keys(keys([row, shorter]))
    assert len(columns) == len(row)
    assert (matrix[1] >= 0).tolist() == kept


def test_fifty_long_prompts_are_aligned():
    generator = np.random.default_rng(0)
    rows = [[f"w{number}" for number in generator.integers(0, 30, 60)] for _ in range(50)]
    check(rows, *align_keys(keys(rows)))


def test_words_that_change_stand_beside_each_other():
    rows = ["the doctor said so".split(), "the nurse said so".split(), "so said the tall nurse".split()]
    columns, matrix = align_keys(keys(rows))
    assert [column[0] for column in columns].count("nurse") == 1
    check(rows, columns, matrix)
    columns, matrix = align_keys(keys(rows[:2]))
    assert [column[0] for column in columns] == ["the", "doctor", "nurse", "said", "so"]
    assert matrix.tolist() == [[0, 1, -1, 2, 3], [0, -1, 1, 2, 3]]


@pytest.mark.parametrize("name", REAL)
def test_sums_are_kept_from_tokens_to_words_to_columns(name):
    torch.set_num_threads(1)
    texts = ["the film was not very good", "The acting was, oddly, very  good…", "good actors saved “it” unsurprisingly é 中文"]
    tail = {"masked_lm": " [MASK]", "span_infilling": " ___"}.get(real(name).task, "")
    with real(name).explainer() as explainer:
        found = [explainer.analyze(text + tail, ["input_x_gradient"]) for text in texts]
    alignment = align(found)
    scores = aligned_scores(found, "input_x_gradient")
    assert scores.shape == alignment.matrix.shape
    assert (np.isnan(scores) == (alignment.matrix < 0)).all()
    for row, explanation in enumerate(found):
        values = explanation["input_x_gradient"].scores
        assert np.nansum(scores[row]) == pytest.approx(values.sum(), abs=1e-12 * max(1.0, np.abs(values).sum()))
        for column in np.flatnonzero(alignment.matrix[row] >= 0):
            word = alignment.words[row][alignment.matrix[row, column]]
            assert scores[row, column] == pytest.approx(sum(values[i] for i in word.indices), abs=1e-12)
            assert word.special is alignment.special[column]
        order = [i for word in alignment.words[row] for i in word.indices]
        assert order == list(range(len(explanation.tokens)))
    film = alignment.labels.index("the")
    assert (alignment.matrix[:2, film] >= 0).all()  # The and the


def test_output_and_special_tokens_keep_to_themselves():
    with TokenExplainer.from_pretrained("gpt2-mini", task="generation") as explainer:
        found = [explainer.analyze(text, ["input_x_gradient"], target=" of the the") for text in ("She saw the", "She heard of the")]
    alignment = align(found)
    for row, explanation in enumerate(found):
        for column in np.flatnonzero(alignment.matrix[row] >= 0):
            token = explanation.tokens[alignment.words[row][alignment.matrix[row, column]].indices[0]]
            assert (token.segment.value == "output") is alignment.output[column]
    assert sum(alignment.output) == 2
    assert set(alignment.to_dict()) == {"labels", "special", "output", "words", "matrix"}


def test_what_cannot_be_aligned_is_said():
    with pytest.raises(InputError, match="no prompt"):
        align([])
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        found = explainer.analyze("A film.", ["attention"])
    with pytest.raises(InputError, match="Prompt 1 was not explained by 'lrp'"):
        aligned_scores([found], "lrp")
