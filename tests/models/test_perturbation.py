"""The perturbed score against one plain call of an untouched model per changed text, and what it costs."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from zoo import LABELS, Tiny, real, tiny

from explain import TokenExplainer, UnsupportedError
from explain.errors import ExplainError
from explain.models import memory
from explain.models.perturbation import Granularity, Keep, PerturbedScore, Replacement, groups_of, spread
from explain.models.score import Score
from explain.tokens import Word
from explain.types import Array, Encoding

WAYS = [Replacement.MASK, Replacement.PAD, Replacement.DELETE, Replacement.ATTENTION_MASK]
FAMILIES = [
    "bert-masked",
    "bert-class",
    "bert-embed",
    "distilbert-class",
    "roberta-masked",
    "gpt2-next",
    "gpt2-class",
    "gpt2-generation",
    "llama-next",
    "t5-span",
    "t5-generation",
    "t5-class",
    "t5-labels",
    "bart-generation",
    "bart-class",
]


def lively(name: str) -> Tiny:
    """The family's model with weights large enough for every token to count."""
    made = tiny(name)
    if name.startswith("distilbert"):
        for key, parameter in made.model.named_parameters():
            parameter.data.mul_(10.0 if parameter.dim() == 2 and "embedding" not in key else 1.0)
    return made


def score_of(made: Tiny, explainer: TokenExplainer) -> Score:
    """In a sequence task the last output token of a given output, so that there is a prefix to take away."""
    if explainer.model.task.sequence:
        return explainer.ask(made.text, target="bad plot not", step=2).scores[0]
    return explainer.ask(made.text).scores[0]


def players_of(encoding: Encoding) -> list[Word]:
    return [group for group in groups_of(encoding, Granularity.TOKENS) if not group.special]


def every_size(players: int, rows: int = 12) -> Keep:
    """Random coalitions, with those of all, none, all but the last and the first alone among them."""
    generator = np.random.default_rng(players)
    keep = generator.random((rows, players)) < generator.random((rows, 1))
    keep[0], keep[1], keep[2], keep[3] = True, False, np.arange(players) < players - 1, np.arange(players) < 1
    return keep


def plain_score(model: Any, made: Tiny, score: Score, gone: set[int], way: Replacement) -> float:
    """The score with the tokens of these indices taken away, from lists of ids and one call of the plain model."""
    encoding = score.encoding
    given = encoding.inputs["input_ids"][0].tolist()
    prefix = encoding.inputs["decoder_input_ids"][0].tolist() if encoding.has_prefix else []
    sides: list[tuple[list[int], list[int]]] = []
    position = encoding.position
    for ids, first in ((given, 0), (prefix, len(given))):
        here = position is not None and (ids is prefix) == bool(prefix)
        read, mask, moved = [], [], -1
        for place, index in enumerate(ids):
            away = first + place in gone
            if not (away and way is Replacement.DELETE):
                read.append({Replacement.MASK: 4, Replacement.PAD: 0}.get(way, index) if away else index)
                mask.append(int(not (away and way is Replacement.ATTENTION_MASK) or (here and place == position)))
                moved += here and place <= (position or 0)
        sides.append((read, mask))
        if here and way is Replacement.DELETE:
            position = max(0, moved)
    ids, mask = (torch.tensor([values]) for values in sides[0])
    more = {"attention_mask": mask} if way is Replacement.ATTENTION_MASK else {}
    if encoding.mirrored and more:  # the decoder reads the text again, one place later
        more["decoder_attention_mask"] = torch.cat([torch.ones_like(mask[:, :1]), mask[:, :-1]], dim=1)
    with torch.no_grad():
        if "embed" in made.name:
            hidden = model(input_ids=ids, **more).last_hidden_state[0]
            assert encoding.direction is not None
            return float(hidden[mask[0].bool()].mean(0) @ encoding.direction)
        if made.name == "t5-labels":
            values = []
            for label in LABELS:
                label_ids = made.tokenizer(label, add_special_tokens=False)["input_ids"]
                found = model(input_ids=ids, decoder_input_ids=torch.tensor([[0, *label_ids[:-1]]]), **more).logits[0].log_softmax(-1)
                values.append(sum(float(found[step, piece]) for step, piece in enumerate(label_ids)))
            return values[score.target.index]
        if prefix:
            more["decoder_input_ids"] = torch.tensor([sides[1][0]])
            if way is Replacement.ATTENTION_MASK:
                more["decoder_attention_mask"] = torch.tensor([sides[1][1]])
        logits = model(input_ids=ids, **more).logits[0]
    logits = logits if position is None else logits[position]
    unit = score.unit.value
    values = logits if unit == "logit" else logits.log_softmax(-1)
    return float(values[score.target.index])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FAMILIES)
def test_scores_are_those_of_one_plain_call_per_text(name: str, way: Replacement) -> None:
    made = lively(name)
    plain = deepcopy(made.model)  # with lively weights
    with made.explainer() as explainer:
        score = score_of(made, explainer)
        players = players_of(score.encoding)
        keep = every_size(len(players))
        found = PerturbedScore(score, players, way)(keep)
    gone = [{i for player, kept in zip(players, row, strict=True) if not kept for i in player.indices} for row in keep]
    expected = [plain_score(plain, made, score, indices, way) for indices in gone]
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert np.ptp(expected) > 1e-3  # so that a score that never changes would be seen


def test_prefixes_are_among_the_players() -> None:
    for name in ("t5-span", "t5-generation", "bart-generation", "gpt2-generation"):
        made = tiny(name)
        with made.explainer() as explainer:
            score = score_of(made, explainer)
            read = [score.encoding.tokens[player.indices[0]].piece for player in players_of(score.encoding)]
        assert read[-2:] == ["bad", "plot"], name


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_hidden_from_attention_cannot_be_told_from_anything_else(name: str) -> None:
    """With some tokens hidden, the score is the same whatever these tokens are; the one at the explained position is never hidden."""
    made = tiny(name)
    with made.explainer() as explainer:
        score = score_of(made, explainer)
        encoding = score.encoding
        explained = None if encoding.position is None else encoding.position + (encoding.input_length if encoding.has_prefix else 0)
        players = [player for player in players_of(score.encoding) if player.indices != (explained,)]
        keep = every_size(len(players))
        scores = []
        for other in (None, 12):
            inputs = {key: tensor.clone() for key, tensor in encoding.inputs.items()}
            if other is not None:
                for index in (player.indices[0] for player in players[::2]):
                    side = "input_ids" if index < encoding.input_length else "decoder_input_ids"
                    inputs[side][0, index if side == "input_ids" else index - encoding.input_length] = other
            keep[:, ::2] = False
            changed = score.anew()
            changed.encoding = replace(encoding, inputs=inputs)
            scores.append(PerturbedScore(changed, players, Replacement.ATTENTION_MASK)(keep))
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["bert-class", "gpt2-next", "t5-generation"])
def test_batches_of_any_size_give_the_same(name: str, way: Replacement, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        score = score_of(made, explainer)
        players = players_of(score.encoding)
        keep = np.random.default_rng(1).random((50, len(players))) < 0.5
        found = []
        for tokens in (1, 40, 100_000):
            monkeypatch.setattr(memory, "TOKENS", tokens)
            found.append(PerturbedScore(score, players, way)(keep))
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
    np.testing.assert_allclose(found[2], found[0], atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_each_different_text_is_read_once_in_batches_that_hold_few_tokens(way: Replacement) -> None:
    made = tiny("bert-class")
    with made.explainer() as explainer:
        score = score_of(made, explainer)
        players = players_of(score.encoding)
        batches: list[torch.Tensor] = []
        keep = np.random.default_rng(2).random((300, len(players))) < 0.5
        different = len(np.unique(keep, axis=0))
        assert different < len(keep)
        perturbed = PerturbedScore(score, players, way)
        hook = made.model.bert.embeddings.word_embeddings.register_forward_hook(lambda layer, given, output: batches.append(given[0]))
        first, again = perturbed(keep), perturbed(keep[::-1])
        hook.remove()
    np.testing.assert_array_equal(first, again[::-1])
    assert sum(len(batch) for batch in batches) == perturbed.score.passes == different
    assert max(batch.numel() for batch in batches) <= memory.TOKENS
    rows = [tuple(row) for batch in batches for row in batch.tolist()]
    if way is Replacement.DELETE:
        assert not any(0 in row for row in rows)  # nothing is padded
    assert len(batches) <= (len(players) + 1 if way is Replacement.DELETE else -(-different // (memory.TOKENS // 12)))


def test_players_that_look_alike_when_packed_are_told_apart() -> None:
    """More than eight players, so that a coalition fills more than one byte."""
    made = tiny("bert-class")
    with made.explainer() as explainer:
        score = score_of(made, explainer)
        players = players_of(score.encoding)
        perturbed = PerturbedScore(score, players, Replacement.MASK)
        alone = perturbed(np.eye(len(players), dtype=bool))
    assert len(players) == 10
    assert len(np.unique(alone)) == 10


@pytest.mark.parametrize("way", [Replacement.DELETE, Replacement.ATTENTION_MASK])
@pytest.mark.parametrize("name", ["gpt2-next", "gpt2-class"])
def test_a_text_of_which_nothing_is_left_still_has_a_score(name: str, way: Replacement) -> None:
    """Tokenizers without special tokens: one beginning-of-text token stands for the empty text, the explained one is never hidden."""
    made = real(name)
    text = "the film was not good"
    with made.explainer() as explainer:
        score = explainer.ask(text, unit="logit").scores[0]
        players = players_of(score.encoding)
        assert len(players) == len(score.encoding.tokens) == 5
        found = float(PerturbedScore(score, players, way)(np.zeros((1, 5), dtype=bool))[0])
    ids = torch.tensor([[made.tokenizer.bos_token_id]]) if way is Replacement.DELETE else made.ids(text)
    mask = torch.ones_like(ids) if way is Replacement.DELETE else torch.tensor([[0, 0, 0, 0, int(name == "gpt2-next")]])
    with torch.no_grad():
        logits = made.plain(input_ids=ids, attention_mask=mask).logits[0]
    logits = logits if name == "gpt2-class" else logits[-1]
    assert found == pytest.approx(float(logits[score.target.index]), abs=1e-5)


def test_a_classifier_without_padding_token_is_asked_row_by_row() -> None:
    made = real("gpt2-class")
    for model in (made.model, made.plain):
        model.config.pad_token_id = None
    made.tokenizer.pad_token = None
    text = "the film was not good"
    with made.explainer() as explainer:
        score = explainer.ask(text).scores[0]
        keep = ~np.eye(5, dtype=bool)
        found = PerturbedScore(score, players_of(score.encoding), Replacement.DELETE)(keep)
    ids = made.ids(text)[0]
    with torch.no_grad():
        expected = [float(made.plain(ids[torch.from_numpy(row)][None]).logits[0, score.target.index]) for row in keep]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_stands_in_by_itself_is_the_mask_or_nothing() -> None:
    made = tiny("gpt2-next")
    with made.explainer() as explainer:
        score = score_of(made, explainer)
        players = players_of(score.encoding)
        keep = every_size(len(players))

        def scores(way: Replacement) -> Array:
            return PerturbedScore(score, players, way)(keep)

        np.testing.assert_array_equal(scores(Replacement.AUTO), scores(Replacement.MASK))
        assert not np.allclose(scores(Replacement.MASK), scores(Replacement.DELETE), atol=1e-3)
        made.tokenizer.mask_token = None
        np.testing.assert_array_equal(scores(Replacement.AUTO), scores(Replacement.DELETE))
        with pytest.raises(UnsupportedError, match="has no mask token"):
            scores(Replacement.MASK)
        made.tokenizer.pad_token = None
        with pytest.raises(UnsupportedError, match="has no pad token") as refused:
            scores(Replacement.PAD)
        assert isinstance(refused.value, ExplainError)


def test_words_come_and_go_whole_and_share_their_value() -> None:
    made = real("bert-class")
    text = "The film wasn't unwatchable"
    with made.explainer() as explainer:
        score = explainer.ask(text).scores[0]
        tokens, groups = score.encoding.tokens, groups_of(score.encoding, Granularity.WORDS)
        words = [group for group in groups if not group.special]
        assert [word.text for word in words] == ["The", "film", "wasn't", "unwatchable"]
        assert sorted(i for group in groups for i in group.indices) == list(range(len(tokens)))
        keep = ~np.eye(4, dtype=bool)
        found = PerturbedScore(score, words, Replacement.MASK)(keep)
        shared = spread(words, np.array([1.0, 2.0, 6.0, 11.0]), len(tokens))
    for row, word in enumerate(words):
        ids = made.ids(text)
        ids[0, list(word.indices)] = made.tokenizer.mask_token_id
        with torch.no_grad():
            assert found[row] == pytest.approx(float(made.plain(ids).logits[0, score.target.index]), abs=1e-5)
    assert shared.sum() == pytest.approx(20.0, abs=1e-12)
    for word, value in zip(words, (1.0, 2.0, 6.0, 11.0), strict=True):
        assert set(shared[list(word.indices)]) == {value / len(word.indices)}
    assert all(shared[i] == 0 for i, token in enumerate(tokens) if token.special)
