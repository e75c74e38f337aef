"""Rows that continue a prefix have the scores of whole rows, on decoders of every kind of position and mask; others are asked whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import numpy as np
import pytest
import torch
from copying import copying, prompt
from sweep import small
from zoo import TEXT, Tiny, tiny, tokenizer

from explain import Question, TokenExplainer
from explain.models import continuation, perturbation, plan
from explain.models.perturbation import Granularity, PerturbedScore, Replacement, groups_of
from explain.models.score import Score
from explain.types import Array

WAYS = (Replacement.MASK, Replacement.DELETE, Replacement.ATTENTION_MASK)
POSITIONS = {
    "bloom": "ALiBi",
    "gemma2": "windows that slide, soft caps",
    "gpt_neox": "part of each head rotated",
    "opt": "positions counted by the mask",
    "modernbert-decoder": "windows of its own",
}


@contextmanager
def shared(cost: int) -> Iterator[None]:
    """Within, a pass costs as much as so many tokens: prefixes are always, or never, worth it."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (plan, perturbation):
            patch.setattr(module, "PASS", cost)
        yield


def both(score: Score, rows: int = 12) -> list[tuple[Array, Array]]:
    """Scores of random coalitions with shared prefixes and by whole rows, for each replacement."""
    players = [group for group in groups_of(score.encoding, Granularity.TOKENS) if not group.special]
    keep = np.random.default_rng(0).random((rows, len(players))) < 0.7
    keep[:, :3] = True
    found = []
    for way in WAYS:
        with shared(0):
            continued = PerturbedScore(score, players, way)(keep)
        with shared(10**9):
            found.append((continued, PerturbedScore(score, players, way)(keep)))
    return found


def asked(made: Tiny, explainer: TokenExplainer) -> Score:
    return explainer.ask(made.text, **({"target": "bad plot not", "step": 2} if explainer.model.task.sequence else {})).scores[0]


@pytest.mark.parametrize(("name", "exact"), [("gpt2-next", True), ("llama-next", True), ("qwen2-next", False), ("gpt2-generation", False)])
def test_continued_rows_are_whole_rows(name: str, exact: bool) -> None:
    made = tiny(name, deep=not name.startswith("qwen2"))
    if exact:
        made.model.double()
    with made.explainer() as explainer:
        for continued, whole in both(asked(made, explainer)):
            np.testing.assert_allclose(continued, whole, rtol=0, atol=1e-10 if exact else 1e-5)
        assert explainer.model.instruments.continues


@pytest.mark.parametrize("family", POSITIONS)
def test_of_every_kind_of_position(family: str) -> None:
    with TokenExplainer(small("next_token", family).double(), tokenizer(opening=True), task="next_token") as explainer:
        for continued, whole in both(explainer.ask(TEXT).scores[0]):
            np.testing.assert_allclose(continued, whole, rtol=0, atol=1e-10)
        assert explainer.model.instruments.continues


@pytest.mark.parametrize("name", ["bert-masked", "t5-generation"])
def test_who_reads_both_ways_is_asked_whole(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        score = asked(made, explainer)
        for continued, whole in both(score):
            np.testing.assert_array_equal(continued, whole)
        assert not continuation.continues(explainer.model)


def test_what_is_shared_is_computed_once_and_the_model_is_left_as_it_was() -> None:
    """All subsets of six documents: every prefix of the 64 prompts goes through the layers once."""
    made = copying()
    messages, documents, answer, _ = prompt(2, documents=6)
    places: list[int] = []
    with made.explainer() as explainer:
        handle = made.model.transformer.h[0].mlp.register_forward_pre_hook(lambda _, given: places.append(given[0].shape[:2].numel()))
        score = explainer.ask(Question(messages=messages, documents=documents, target=answer)).scores[0]
        players = [group for group in groups_of(score.encoding, Granularity.DOCUMENTS) if not group.special]
        keep = np.array(list(product((False, True), repeat=len(players))))
        found = []
        for cost in (0, 10**9):
            places.clear()
            with shared(cost):
                found.append((PerturbedScore(score, players, Replacement.DELETE)(keep), sum(places)))
        handle.remove()
        (continued, fewer), (whole, all_places) = found
        assert fewer < 0.65 * all_places
        np.testing.assert_allclose(continued, whole, atol=1e-4)
        assert np.ptp(whole) > 1
    ids = made.ids(documents[0]["text"])
    with torch.no_grad():
        assert torch.equal(made.model(ids).logits, made.plain(ids).logits)
    assert not made.model._forward_pre_hooks


def test_a_prefix_is_cut_and_grows_when_it_is_continued() -> None:
    made = tiny("llama-next")
    made.model.double()
    places: list[int] = []
    with made.explainer() as explainer, torch.no_grad():
        made.model.model.layers[0].mlp.register_forward_pre_hook(lambda _, given: places.append(given[0].shape[:2].numel()))
        first, second = made.ids("the film was not very good"), made.ids("the film was bad but good it")
        prefix = continuation.Prefix(made.model)
        for row, kept, shared, expected in ((first, 0, 5, [5, 2]), (second, 3, 4, [1, 8]), (second, 4, 4, [8])):
            prefix.begin({"input_ids": row}, kept=kept, shared=shared)
            assert places == []
            with explainer.model.instruments.continuing(prefix):
                mask = torch.ones(1 + (row is second), row.shape[1])
                rest = made.model(input_ids=row.expand(len(mask), -1), attention_mask=mask).logits
            torch.testing.assert_close(rest, made.plain.double()(row).logits[:, shared:].expand(len(mask), -1, -1), atol=1e-12, rtol=0)
            assert places == expected
            places.clear()


@pytest.mark.parametrize("error", [AssertionError, IndexError, TypeError, MemoryError, torch.OutOfMemoryError, KeyboardInterrupt])
def test_what_a_model_says_that_cannot_continue_is_told_from_what_goes_wrong(error: type[BaseException]) -> None:
    made = tiny("llama-next")

    def refuse(_: object, given: object, named: dict[str, object]) -> None:
        if any(named.get(name) is not None for name in continuation.ARGUMENTS):
            raise error("no")

    with made.explainer() as explainer:
        made.model.model.register_forward_pre_hook(refuse, with_kwargs=True)
        if error in continuation.CANNOT:
            assert not continuation.continues(explainer.model)
            return
        with pytest.raises(error, match="no"):
            continuation.continues(explainer.model)
        assert explainer.model.instruments.continues is None
