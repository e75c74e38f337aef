"""Cutting a long text keeps what the task needs, as much of the rest as fits, and whole words; what is left out is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explain import InputError, TextTooLongError, TokenExplainer
from explain.models.truncation import Truncation

WORDS = "the film was good, and its unforgettable actors were never boring; a quietly heart-warming comedy about bureaucrats.".split()
LIMIT = 24
CUTS_THE_END = [
    ("bert-mini", "classification"),
    ("bert-mini", "embedding"),
    ("distilbert-mini", "classification"),
    ("gpt2-mini", "classification"),
    ("t5-mini", "classification"),
    ("t5-mini", "generation"),
]
CUTS_THE_START = [("gpt2-mini", "next_token"), ("gpt2-mini", "generation")]
BLANKS = [("bert-mini", "masked_lm", "[MASK]"), ("t5-mini", "span_infilling", "<extra_id_0>"), ("t5-mini", "span_infilling", "___")]


@contextmanager
def short(model: str, task: str, limit: int = LIMIT) -> Iterator[TokenExplainer]:
    """A bundled model that reads less than it could."""
    with TokenExplainer.from_pretrained(model, task=task) as explainer, pytest.MonkeyPatch.context() as patch:
        patch.setattr(explainer.model, "maximum_length", limit)
        yield explainer


def words(count: int) -> list[str]:
    return [WORDS[number % len(WORDS)] for number in range(count)]


def fits(explainer: TokenExplainer, text: str) -> bool:
    try:
        explainer.model.encode(text)
    except TextTooLongError:
        return False
    return True


def cut(explainer: TokenExplainer, text: str) -> Truncation:
    """The cut, which leaves nothing untold and which the model reads."""
    found = explainer.truncate(text)
    assert found is not None
    assert found.before + found.kept + found.after == text
    assert fits(explainer, found.kept)
    return found


@pytest.mark.parametrize(("model", "task"), CUTS_THE_END)
def test_the_longest_start_that_is_read_stays(model: str, task: str) -> None:
    given = words(80)
    with short(model, task) as explainer:
        found = cut(explainer, " ".join(given))
        longest = max(n for n in range(1, 80) if fits(explainer, " ".join(given[:n])))
    assert found.before == ""
    assert found.kept == " ".join(given[:longest])
    assert found.limit == LIMIT


@pytest.mark.parametrize(("model", "task"), CUTS_THE_START)
def test_a_causal_model_keeps_the_end(model: str, task: str) -> None:
    given = words(80)
    with short(model, task) as explainer:
        found = cut(explainer, " ".join(given))
        longest = max(n for n in range(1, 80) if fits(explainer, " ".join(given[-n:])))
    assert found.after == ""
    assert found.kept == " ".join(given[-longest:])


@pytest.mark.parametrize(("model", "task", "blank"), BLANKS)
@pytest.mark.parametrize("place", [0, 3, 40, 77, 80])
def test_a_blank_stays_in_the_middle_of_what_is_read(model: str, task: str, blank: str, place: int) -> None:
    given = [*words(80)[:place], blank, *words(80)[place:]]
    with short(model, task) as explainer:
        found = cut(explainer, " ".join(given))
        assert not fits(explainer, f"{found.kept} {' '.join(words(6))}")
    left, right = found.kept.split(blank)
    if place in (0, 3):
        assert found.before == ""
    elif place in (77, 80):
        assert found.after == ""
    else:
        assert abs(len(left) - len(right)) <= 30


@pytest.mark.parametrize(("model", "task", "blank"), BLANKS[:1])
def test_all_blanks_stay_and_keep_their_numbers(model: str, task: str, blank: str) -> None:
    given = [*words(40), blank, "and", blank, *words(40)]
    with short(model, task) as explainer:
        found = cut(explainer, " ".join(given))
        assert found.kept.count(blank) == 2
        second = explainer.truncate(" ".join(given), position=1)
        assert second == replace(found, question=replace(found.question, position=1))
        with pytest.raises(InputError, match="Mask 2 was asked for"):
            explainer.truncate(" ".join(given), position=2)


@pytest.mark.parametrize(("model", "task", "blank"), BLANKS[:1])
def test_blanks_too_far_apart_are_refused(model: str, task: str, blank: str) -> None:
    with short(model, task) as explainer, pytest.raises(TextTooLongError, match="reads at most 24") as raised:
        explainer.truncate(" ".join([blank, *words(40), blank]))
    assert raised.value.limit == LIMIT
    assert raised.value.tokens > LIMIT


def test_what_fits_is_not_cut() -> None:
    with short("bert-mini", "classification") as explainer:
        assert explainer.truncate("A good film.") is None


def test_white_space_around_a_text_does_not_matter() -> None:
    with short("bert-mini", "classification") as explainer:
        found = cut(explainer, "  \n" + " ".join(words(60)) + " \n ")
    assert found.before == ""
    assert len(found.kept.split()) > 5


@pytest.mark.parametrize(("model", "task", "piece"), [("bert-mini", "classification", "电影很好"), ("gpt2-mini", "next_token", "ab")])
def test_a_run_without_spaces_is_cut_within(model: str, task: str, piece: str) -> None:
    with short(model, task) as explainer:
        found = cut(explainer, f"{piece * 100} {piece * 100}")
        assert len(explainer.model.tokenizer(found.kept)["input_ids"]) >= LIMIT // 2


def test_an_output_that_is_too_long_by_itself_is_refused() -> None:
    with short("gpt2-mini", "generation") as explainer, pytest.raises(TextTooLongError):
        explainer.truncate("A good film", target=" ".join(words(60)))


def test_without_offsets_the_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with short("bert-mini", "classification") as explainer:
        monkeypatch.setattr(type(explainer.model.tokenizer), "is_fast", False)
        with pytest.raises(TextTooLongError):
            explainer.truncate(" ".join(words(60)))


PIECES = st.lists(st.one_of(st.sampled_from(WORDS), st.text(min_size=1, max_size=12)), min_size=1, max_size=60)


@settings(max_examples=30, deadline=None)
@given(pieces=PIECES, limit=st.integers(4, 30), which=st.sampled_from([*CUTS_THE_END, *CUTS_THE_START]))
def test_any_text_is_cut_into_three_or_refused(pieces: list[str], limit: int, which: tuple[str, str]) -> None:
    text = " ".join(pieces)
    with short(*which, limit) as explainer:
        try:
            found = explainer.truncate(text)
        except InputError:
            return
        if found is None:
            assert fits(explainer, text)
            return
        assert found.before + found.kept + found.after == text
        assert fits(explainer, found.kept)
        assert not fits(explainer, text)
