"""An answer is cut into sentences of whole tokens, whose scores add up to the answer's."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from chats import chatty

from explain.evaluation.answer import sentence_bounds, sentences_of
from explain.models.perturbation import PerturbedScore, Replacement
from explain.segments import groups_of

CHAT = [{"role": "user", "content": "the plot was good. was it bad?"}]
ANSWER = "it was not. the film was very good."


@pytest.mark.parametrize("template", ["chatml", "mistral"])
def test_sentences_share_what_the_model_says_and_add_up(template: str) -> None:
    with chatty(template).explainer() as explainer:
        analysis = explainer.ask(CHAT, target=ANSWER)
        (whole,) = analysis.scores
        sentences = sentences_of(whole, analysis.prediction.steps)
        assert [sentence.text for sentence in sentences] == ["it was not.", "the film was very good."]
        assert sum(sentence.tokens for sentence in sentences) == len(analysis.prediction.steps)
        for sentence in sentences:
            assert sentence.score.value() == pytest.approx(sentence.perturbed.value(), abs=1e-4)
        assert sum(sentence.score.value() for sentence in sentences) == pytest.approx(whole.value(), abs=1e-4)
        parts = [group for group in groups_of(whole.encoding, "words") if not group.special]
        keep = np.random.default_rng(0).random((6, len(parts))) < 0.5
        summed = sum(PerturbedScore(sentence.perturbed, parts, Replacement.DELETE)(keep) for sentence in sentences)
        np.testing.assert_allclose(summed, PerturbedScore(whole, parts, Replacement.DELETE)(keep), atol=1e-4)
        assert len(sentences[0].perturbed.task.known) <= 7  # the whole and six others, asked once for both sentences


def test_bounds_hold_every_token() -> None:
    with chatty().explainer() as explainer:
        ids = explainer.model.tokenizer("good. bad. it", add_special_tokens=False)["input_ids"]
        bounds = sentence_bounds(explainer.model, ids)
    assert [bounds[0][0], bounds[-1][1]] == [0, len(ids)]
    assert all(one[1] == other[0] for one, other in pairwise(bounds))
