"""What a person sees of a token, and how sub-words become words."""

from __future__ import annotations

import numpy as np
import pytest
import transformers as t
from hypothesis import given, settings
from hypothesis import strategies as st
from vocabularies import TOKENIZERS

from explain.errors import UnsupportedError
from explain.tokens import sum_over, tokens_of, words
from explain.types import Segment, Token

MARKS = "Ġ▁ĊÂÃ"
NASTY = [
    "the film was good",
    "  the   film  ",
    "the film,was:good!",
    "é",
    "café à la crème",
    "中文 film 中文",
    "the 🎬 film 👩‍👩‍👧",
    "the\nfilm\n\nwas\tgood",
    "don't state-of-the-art U.S.A.",
    "x" * 40,
    "ﬁlm ½ ①",
    "naïve ñ ñ",
    "…",
    "<b>film</b> & 'good'",
    "[x] <film>",
    "a",
    "é🎬é",
]
BUILT = {name: make() for name, make in TOKENIZERS.items()}


def tokens(kind: str, text: str) -> tuple[Token, ...]:
    encoded = BUILT[kind](text, return_offsets_mapping=True, return_special_tokens_mask=True)
    return tokens_of(BUILT[kind], encoded, text)


def check(kind: str, text: str) -> None:
    found = tokens(kind, text)
    assert [token.id for token in found] == BUILT[kind](text)["input_ids"]
    joined = "".join(token.before + token.text for token in found)
    assert text.startswith(joined)
    assert not text[len(joined) :].strip()
    for token in found:
        assert text[token.start : token.end] == token.text or not token.text
        if "byte" in kind:  # nothing is left out of these
            assert not token.before.strip()
        assert not any(mark in token.label and mark not in text for mark in MARKS), token
        assert token.label
    groups = words(found, text)
    assert sorted(i for group in groups for i in group.indices) == list(range(len(found)))
    scores = np.random.default_rng(0).normal(size=(2, len(found)))
    assert sum_over(groups, scores).sum(-1) == pytest.approx(scores.sum(-1), abs=1e-12)


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("text", NASTY)
def test_nasty_texts_are_given_back_without_marks(kind: str, text: str) -> None:
    check(kind, text)


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_any_text_is_given_back(kind: str) -> None:
    @settings(max_examples=80, deadline=None, derandomize=True)
    @given(st.text(st.sampled_from("the filmgood.,'-é中🎬\n  ") | st.characters(exclude_categories=["C"]), min_size=1, max_size=24))
    def property(text: str) -> None:
        check(kind, text)

    property()


@pytest.mark.parametrize("kind", ["byte-level", "byte-level trimmed", "byte fallback"])
@pytest.mark.parametrize("character", ["é", "中", "🎬"])
def test_the_first_byte_of_a_character_shows_it(kind: str, character: str) -> None:
    found = [token for token in tokens(kind, f"film {character}film") if not token.special]
    carriers = [i for i, token in enumerate(found) if character in token.label]
    assert len(carriers) == 1
    pieces = len(character.encode())
    further = found[carriers[0] + 1 : carriers[0] + pieces]
    assert [token.label for token in further] == ["…"] * (pieces - 1)


@pytest.mark.parametrize("kind", ["unigram", "byte fallback"])
def test_a_lone_word_mark_does_not_take_the_next_pieces_letters(kind: str) -> None:
    found = [token for token in tokens(kind, "x film") if not token.special]
    assert [token.piece for token in found][:2] == ["▁", "x"]
    assert found[1].label == "x"
    assert "x" not in found[0].label


def test_special_tokens_show_their_piece_and_have_no_characters() -> None:
    found = tokens("wordpiece", "the [MASK] film")
    assert [token.label for token in found] == ["[CLS]", "the", "[MASK]", "film", "[SEP]"]
    assert [token.special for token in found] == [True, False, True, False, True]
    assert (found[0].start, found[0].end, found[-1].start == found[-1].end) == (0, 0, True)
    assert (found[2].start, found[2].end) == (4, 10)


def test_an_unknown_word_is_shown_as_typed_and_is_not_special() -> None:
    found = tokens("wordpiece", "the 中 film")
    assert [token.piece for token in found[1:-1]] == ["the", "[UNK]", "film"]
    assert found[2].label == "中"
    assert not found[2].special


def test_lower_casing_tokenizers_show_the_text_as_typed() -> None:
    assert [token.label for token in tokens("wordpiece", "The FILM Café")[1:3]] == ["The", "FILM"]


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_words_are_letters_with_inner_hyphens_and_apostrophes(kind: str) -> None:
    text = "it's state-of-the-art, not bad!"
    found = tokens(kind, text)
    groups = [group for group in words(found, text) if not group.special]
    assert [group.text.strip() for group in groups] == ["it's", "state-of-the-art", ",", "not", "bad", "!"]


def test_words_keep_special_and_output_tokens_apart() -> None:
    def token(text: str, start: int, segment: Segment = Segment.INPUT, *, special: bool = False) -> Token:
        return Token(text, "", text, 0, start, start + len(text), special, segment)

    given = [token("", 0, special=True), token("ab", 0), token("cd", 2), token("ab", 0, Segment.OUTPUT), token("cd", 2, Segment.OUTPUT)]
    assert [group.indices for group in words(given, "abcd")] == [(0,), (1, 2), (3,), (4,)]
    assert [group.special for group in words(given, "abcd")] == [True, False, False, False]


def test_sum_over_sums_every_row() -> None:
    text = "acting"
    found = tokens("wordpiece", text)
    assert [token.label for token in found] == ["[CLS]", "act", "ing", "[SEP]"]
    scores = np.array([[1.0, 2.0, 4.0, 8.0], [0.5, -1.0, 1.0, 0.0]])
    assert sum_over(words(found, text), scores).tolist() == [[1.0, 6.0, 8.0], [0.5, 0.0, 0.0]]


def test_a_slow_tokenizer_is_refused() -> None:
    class Slow(t.PreTrainedTokenizerFast):
        is_fast = False

    slow = Slow(tokenizer_object=BUILT["wordpiece"].backend_tokenizer, unk_token="[UNK]")
    encoded = BUILT["wordpiece"]("the film", return_offsets_mapping=True, return_special_tokens_mask=True)
    with pytest.raises(UnsupportedError, match="Slow gives no character offsets"):
        tokens_of(slow, encoded, "the film")
