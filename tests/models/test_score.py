"""The one scalar: that of the plain model, from rows, from embeddings and from logits; what is known is not computed again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import torch
from cases import Case
from zoo import FAMILIES, tiny

from explain.methods.attention import AttentionWeights
from explain.methods.input_x_gradient import InputXGradient
from explain.models.score import Score, margin
from explain.types import Target, Unit


def test_the_score_is_that_of_the_plain_model(family: Case) -> None:
    for unit in (None, *family.model.task.units):
        score = family.score(unit=unit)
        reference = family.made.reference(score)
        embeddings = reference.embeddings()
        torch.testing.assert_close(score.embeddings(), embeddings, atol=1e-6, rtol=0)
        with torch.no_grad():
            expected = float(reference(embeddings))
            for fresh in (score, score.anew()):
                assert fresh.value() == pytest.approx(expected, abs=1e-5)
            assert score.of_rows(*score.encoding.batch(2)).tolist() == pytest.approx([expected] * 2, abs=1e-5)
            torch.manual_seed(1)
            elsewhere = embeddings + torch.randn_like(embeddings) * embeddings.std()
            assert float(score.of_embeddings(elsewhere)) == pytest.approx(float(reference(elsewhere)), abs=2e-5)
            assert abs(float(reference(elsewhere)) - expected) > 1e-5


def test_answers_tell_score_probability_and_candidate(family: Case) -> None:
    score = family.score()
    logits = family.made.reference(score).logits(family.made.reference(score).embeddings())[0].detach()
    found = score.answers(3)
    assert found.scores == pytest.approx([score.value()] * 3, abs=1e-5)
    assert found.candidates.tolist() == [int(logits.argmax())] * 3
    if family.made.task == "embedding":
        assert np.isnan(found.probabilities).all()
    else:
        share = logits.sigmoid() if len(logits) == 1 else logits.softmax(-1)
        assert found.probabilities == pytest.approx([float(share[score.target.index])] * 3, abs=1e-5)


def test_what_is_known_costs_nothing_and_each_asker_has_a_count() -> None:
    made = tiny("bert-class")
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        assert score.value() == score.value()
        assert score.passes == 0  # known from the prediction
        fresh = score.anew()
        fresh.value()
        fresh.value()
        assert fresh.passes == 1
        score.answers(5)
        assert score.passes == 5
        assert score.recounted().passes == 0
        score.of_embeddings(score.embeddings().repeat(4, 1, 1))
        assert score.passes == 9


def test_anew_remembers_nothing() -> None:
    made = tiny("bert-class")
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        before = (score.value(), score.trace, score.gradient()[1])
        made.model.classifier.weight.data.mul_(2.0)
        made.model.bert.encoder.layer[0].attention.self.query.weight.data.mul_(2.0)
        assert (score.value(), score.trace, score.gradient()[1]) == before
        fresh = score.anew()
        assert fresh.value() != before[0]
        assert fresh.trace is not before[1]
        assert not torch.equal(fresh.gradient()[1], before[2])
    other = tiny("bert-class")
    with other.explainer() as explainer:
        moved = score.anew(explainer.model)
        assert moved.model is explainer.model
        assert moved.value() == pytest.approx(before[0], abs=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_gradient_is_the_same_from_the_prediction_or_from_a_pass_of_its_own(name: str) -> None:
    made = tiny(name)
    made.model.double()
    with made.explainer() as explainer:
        shared = explainer.ask(made.text, methods=[InputXGradient()]).scores[-1]
        own = explainer.ask(made.text).scores[-1]
        for score in (shared, own, own.anew()):
            embeddings = score.embeddings().requires_grad_()
            expected = torch.autograd.grad(score.of_embeddings(embeddings).sum(), embeddings)[0]
            for _ in range(2):
                found = score.gradient()
                torch.testing.assert_close(found[0], embeddings.detach(), atol=0, rtol=0)
                # T5 takes the variance in its norms in float32 whatever the model's own precision.
                torch.testing.assert_close(found[1], expected, atol=1e-12, rtol=1e-12 if not name.startswith("t5") else 1e-5)
                assert not found[0].requires_grad
                assert not found[1].requires_grad


def test_threads_may_share_a_score() -> None:
    made = tiny("gpt2-class")
    with made.explainer() as explainer:
        expected = explainer.ask(made.text).scores[0].gradient()[1]
        for _ in range(10):
            score = explainer.ask(made.text, methods=[InputXGradient(), AttentionWeights()]).scores[0]
            together = Barrier(4)

            def work(_: int, score: Score = score, together: Barrier = together) -> torch.Tensor:
                torch.set_num_threads(1)
                together.wait()
                return score.recounted().gradient()[1]

            with ThreadPoolExecutor(4) as pool:
                for found in pool.map(work, range(4)):
                    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)


def test_a_contrast_is_the_difference_of_both_in_every_unit() -> None:
    made = tiny("bert-class")
    logits = made.logits(made.text)
    columns = {Unit.LOGIT: logits, Unit.LOG_PROBABILITY: logits.log_softmax(-1), Unit.PROBABILITY: logits.softmax(-1)}
    with made.explainer() as explainer:
        for unit, values in columns.items():
            score = explainer.ask(made.text, target=2, foil=0, unit=unit).scores[0]
            assert score.value() == pytest.approx(float(values[2] - values[0]), abs=1e-6)
            assert float(score.in_unit(logits[None], unit)) == pytest.approx(float(values[2]), abs=1e-6)


def test_the_contrast_in_words() -> None:
    target, foil = Target(1, " good", 0.0, 0.0), Target(2, " ", 0.0, 0.0)
    assert margin(target, None) == "good"
    assert margin(target, foil) == "good rather than  "
