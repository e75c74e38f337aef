"""Keywords stand where a reader sees them, in every kind of text and token."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vocabularies import TOKENIZERS
from zoo import real

from explain import InputError
from explain.prompts import find
from explain.tokens import tokens_of, words
from explain.types import Token

DECOMPOSED = unicodedata.normalize("NFD", "café été")


def characters(text: str) -> tuple[Token, ...]:
    """A token for every character."""
    return tuple(Token(sign, "", sign, 1, start, start + 1, False) for start, sign in enumerate(text))


def positions(text: str, keyword: str, **more: bool) -> list[tuple[int, int]]:
    spans = find(characters(text), text, keyword, **more)
    assert all(span.text == text[span.start : span.end] for span in spans)
    assert all(span.tokens == tuple(range(span.start, span.end)) for span in spans)
    return [(span.start, span.end) for span in spans]


@pytest.mark.parametrize(
    ("text", "keyword", "expected"),
    [
        ("good, GOOD; goods.", "Good", [(0, 4), (6, 10)]),
        ("a film-maker's films", "film", [(2, 6)]),
        ("don’t, don't", "don't", [(0, 5), (7, 12)]),
        ("it is not\n  good; not, good", "not good", [(6, 16)]),
        ("well, done!", "well, done", [(0, 10)]),
        ("Really?! no", "?!", [(6, 8)]),
        ("not not not", "not not", [(0, 7)]),
        ("Straße und STRASSE", "strasse", [(0, 6), (11, 18)]),
        ("STRASSE", "straße", [(0, 7)]),
        ("İİİ ﬁlm film", "film", [(4, 7), (8, 12)]),
        ("İzmir IZMİR ızmir", "İZMİR", [(0, 5), (6, 11)]),
        ("ΟΔΟΣ οδός οδος", "οδοσ", [(0, 4), (10, 14)]),
        (DECOMPOSED, "café", [(0, 5)]),
        (DECOMPOSED, "CAFE", []),
        ("café", DECOMPOSED[:5], [(0, 4)]),
        ("这部电影很好,电影", "电影", [(2, 4), (7, 9)]),
        ("한국어", unicodedata.normalize("NFD", "한국어"), [(0, 3)]),
        ("👍🏽 👍 👍🏽", "👍🏽", [(0, 2), (5, 7)]),
        ("👍🏽 👍", "👍", [(3, 4)]),
        ("❤️ ❤", "❤", [(0, 2), (3, 4)]),
        ("👨‍👩‍👧 👩", "👩", [(6, 7)]),
        ("wow🙂wow", "wow", [(0, 3), (4, 7)]),
        ("11 1", "1", [(3, 4)]),
    ],
)
def test_a_keyword_stands_where_a_reader_sees_it(text, keyword, expected):
    assert positions(text, keyword) == expected


@pytest.mark.parametrize(
    ("text", "keyword", "expected"),
    [
        ("goods ungood", "good", [(0, 4), (8, 12)]),
        ("aaaaa", "aa", [(0, 2), (2, 4)]),
        ("Straße", "s", [(0, 1)]),  # never half of ß
        (DECOMPOSED, "e", []),  # never é without its accent
        (unicodedata.normalize("NFD", "각"), "가", []),
    ],
)
def test_inside_words_characters_stay_whole(text, keyword, expected):
    assert positions(text, keyword, inside_words=True) == expected


def test_an_empty_keyword_is_said():
    for keyword in ("", "  ", "\ufe0f"):
        with pytest.raises(InputError, match="is empty"):
            find((), "a text", keyword)


@given(st.text(max_size=12), st.text(max_size=12), st.sampled_from(["Straße", "İ b", "é", "中文", "👍🏽", "not good"]))
@settings(max_examples=300, deadline=None)
def test_a_planted_keyword_is_found_between_spaces(before, after, keyword):
    text = f"{before} {keyword} {after}"
    spans = find(characters(text), text, unicodedata.normalize("NFD", keyword).upper())
    assert any(span.start <= len(before) + 1 < span.end for span in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))


SENTENCE = "the Paris  film was not very good, good! actors’ é 中文 👍🏽 end"


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("keyword", ["Paris", "good", "actors", "é", "中文", "👍🏽", "not very", "good, good", "paris film"])
def test_a_span_covers_every_piece_that_overlaps_it(kind, keyword):
    made = TOKENIZERS[kind]()
    encoded = made(SENTENCE, return_offsets_mapping=True, return_special_tokens_mask=True)
    tokens = tokens_of(made, encoded, SENTENCE)
    spans = find(tokens, SENTENCE, keyword)
    assert len(spans) == (2 if keyword == "good" else 1)
    for span in spans:
        assert SENTENCE[span.start : span.end].lower().split() == keyword.lower().split()
        overlapping = [
            number
            for number, (start, end) in enumerate(encoded["offset_mapping"])
            if not encoded["special_tokens_mask"][number] and SENTENCE[start:end].strip() and start < span.end and end > span.start
        ]
        own = [i for i in overlapping if SENTENCE[encoded["offset_mapping"][i][0] : encoded["offset_mapping"][i][1]].strip("▁ ")]
        assert set(own) <= set(span.tokens)
        for number in set(span.tokens) - set(own):  # a piece that stands for white space alone opens one of its words
            assert tokens[number].text == "" or set(tokens[number].piece) <= {"▁"}


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_single_word_covers_the_tokens_of_that_word(kind):
    made = TOKENIZERS[kind]()
    encoded = made(SENTENCE, return_offsets_mapping=True, return_special_tokens_mask=True)
    tokens = tokens_of(made, encoded, SENTENCE)
    for word in words(tokens, SENTENCE):
        if word.text in ("Paris", "film", "very", "end"):
            assert [span.tokens for span in find(tokens, SENTENCE, word.text)] == [word.indices]


def test_special_tokens_are_never_part_of_a_keyword():
    text = "the film was [MASK] good"
    with real("bert-masked").explainer() as explainer:
        explanation = explainer.analyze(text, ["input_x_gradient"])
    mask = next(i for i, token in enumerate(explanation.tokens) if token.piece == "[MASK]")
    (span,) = find(explanation.tokens, explanation.text, "was [mask] good")
    assert span.tokens == (mask - 1, mask + 1)
    assert find(explanation.tokens, explanation.text, "[MASK]") == ()
