"""Occlusion and the perturbed score against one plain forward pass per changed text."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from families import tiny

from explain.methods.occlusion import Occlusion
from explain.models import explained_model
from explain.models.perturbation import Granularity, PerturbedScore, Replacement, groups_of


@pytest.mark.parametrize("replacement", [Replacement.MASK, Replacement.PAD, Replacement.DELETE, Replacement.ATTENTION_MASK])
@pytest.mark.parametrize("name", ["bert-masked", "bert-class", "gpt2-next", "t5-span"])
def test_occlusion_is_one_forward_pass_per_token(name: str, replacement: Replacement) -> None:
    made = tiny(name)
    explainer = made.explainer()
    more = {"target": "bad"} if name == "t5-span" else {}
    found = explainer.analyze(made.text, [Occlusion(replacement=replacement)], unit="logit", **more)["occlusion"]
    question = explainer.ask(made.text, unit="logit", **more).questions[0]
    explainer.close()
    encoding, ids = question.encoding, question.encoding.inputs["input_ids"][0]
    prefix = {"decoder_input_ids": encoding.inputs["decoder_input_ids"]} if encoding.has_prefix else {}

    def plain(kept_ids: torch.Tensor, mask: torch.Tensor, position: int | None) -> float:
        with torch.no_grad():
            logits = made.model(input_ids=kept_ids[None], attention_mask=mask[None], **prefix).logits[0]
        return float(logits[question.target.index] if position is None else logits[position, question.target.index])

    full = plain(ids, torch.ones_like(ids), encoding.position)
    for index, token in enumerate(encoding.tokens):
        if token.special:
            assert found.scores[index] == 0
            continue
        keep = torch.arange(len(ids)) != index
        changed, mask, position = ids.clone(), torch.ones_like(ids), encoding.position
        if replacement is Replacement.DELETE:
            changed, mask = ids[keep], mask[keep]
            if position is not None and not prefix:
                position = int(keep[: position + 1].sum()) - 1
        elif replacement is Replacement.ATTENTION_MASK:
            mask[index] = int(index == position and not prefix)
        else:
            changed[index] = 4 if replacement is Replacement.MASK else 0
        assert found.scores[index] == pytest.approx(full - plain(changed, mask, position), abs=2e-5), token
    assert found.output == pytest.approx(full, abs=1e-5)


def test_batches_change_nothing_and_no_input_is_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    made = tiny("gpt2-next")
    explainer = made.explainer()
    question = explainer.ask(made.text).questions[0]
    players = groups_of(question, Granularity.TOKENS)
    keep = np.random.default_rng(0).random((60, len(players))) < 0.5
    large = PerturbedScore(explainer.model, question, players, Replacement.DELETE)
    values = large(np.vstack([keep, keep]))
    assert large.score.passes == len(np.unique(keep, axis=0))
    large(keep)
    assert large.score.passes == len(np.unique(keep, axis=0))
    monkeypatch.setattr(explained_model, "TOKENS_PER_BATCH", 1)
    single = PerturbedScore(explainer.model, question, players, Replacement.DELETE)(keep)
    np.testing.assert_allclose(values[:60], single, atol=1e-5)
    np.testing.assert_array_equal(values[:60], values[60:])
    explainer.close()


def test_words_are_left_out_whole() -> None:
    made = tiny("bert-class")
    explainer = made.explainer()
    tokens, words = (
        explainer.analyze("the film was bad", [Occlusion(players=players)])["occlusion"].scores
        for players in (Granularity.TOKENS, Granularity.WORDS)
    )
    np.testing.assert_allclose(tokens, words, atol=1e-6)
    explainer.close()
