"""Scores, gradient x input, gradient norm and integrated gradients, against captum on plain models that were never instrumented."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from families import FAMILIES, tiny
from tiny import REAL, TEXT, Reference, real

from explain import TokenExplainer
from explain.methods.gradient_norm import GradientNorm
from explain.methods.input_x_gradient import InputXGradient
from explain.methods.integrated_gradients import IntegratedGradients
from explain.types import Question


class Pair:
    """An explainer and a plain model with equal weights."""

    def __init__(self, name: str) -> None:
        made: Any
        if name.startswith("real "):
            made = real(name.removeprefix("real "))
            self.plain = made.plain
            self.explainer = TokenExplainer(made.model, made.tokenizer, task=made.task)
            mask = made.tokenizer.mask_token
            self.text = {"masked_lm": f"the film was {mask} good", "span_infilling": "the film was ___ good"}.get(made.task, TEXT)
        else:
            made = tiny(name)
            self.plain = deepcopy(made.model)
            self.explainer = made.explainer()
            self.text = made.text
        self.name = name
        labels = ["negative", "positive"]
        self.label_ids = [made.tokenizer(x, add_special_tokens=False)["input_ids"] for x in labels] if "labels" in name else None

    def questions(self, **asked: Any) -> list[Question]:
        return list(self.explainer.ask(self.text, **asked).questions)

    def reference(self, question: Question) -> Reference:
        return Reference(self.plain, self.name, question, self.label_ids)


@pytest.fixture(scope="module", params=[*FAMILIES, *(f"real {name}" for name in REAL)])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(request.param)
    yield made
    made.explainer.close()


def special(question: Question) -> torch.Tensor:
    return torch.tensor([token.special for token in question.encoding.tokens])


def test_the_score_is_that_of_the_plain_model(pair: Pair) -> None:
    units = [None, *pair.explainer.model.task.units]
    for unit in units:
        question = pair.questions(unit=unit)[-1]
        reference = pair.reference(question)
        embeddings = reference.embeddings()
        score = pair.explainer.model.score(question)
        torch.testing.assert_close(score.embeddings(), embeddings, atol=1e-6, rtol=0)
        with torch.no_grad():
            expected = float(reference(embeddings))
            assert score.value() == pytest.approx(expected, abs=1e-5)
            torch.manual_seed(1)
            elsewhere = embeddings + torch.randn_like(embeddings) * embeddings.std()
            assert float(score.of_embeddings(elsewhere)) == pytest.approx(float(reference(elsewhere)), abs=2e-5)
            assert abs(float(reference(elsewhere)) - expected) > 1e-5


def test_gradient_x_input_is_captums_on_the_plain_model(pair: Pair) -> None:
    for question in pair.questions():
        reference = pair.reference(question)
        expected = captum.attr.InputXGradient(reference).attribute(reference.embeddings().requires_grad_()).sum(-1)[0]
        found = InputXGradient().attribute(pair.explainer.model, question)
        assert found.scores == pytest.approx(expected.detach().numpy(), abs=1e-5)
        assert np.abs(found.scores).max() > 1e-5
        assert found.output == pytest.approx(float(reference(reference.embeddings()).detach()), abs=1e-5)


def test_gradient_norm_is_captums_saliency_on_the_plain_model(pair: Pair) -> None:
    question = pair.questions()[-1]
    reference = pair.reference(question)
    expected = captum.attr.Saliency(reference).attribute(reference.embeddings().requires_grad_(), abs=False)
    found = GradientNorm().attribute(pair.explainer.model, question)
    assert found.scores == pytest.approx(expected[0].norm(dim=-1).detach().numpy(), abs=1e-5)
    assert (found.scores >= 0).all()


@pytest.mark.parametrize("keep_special", [True, False])
def test_integrated_gradients_are_captums_on_the_plain_model(pair: Pair, keep_special: bool) -> None:
    question = pair.questions()[-1]
    reference = pair.reference(question)
    embeddings = reference.embeddings()
    baseline = torch.zeros_like(embeddings)
    if keep_special:
        baseline[0, special(question)] = embeddings[0, special(question)]
    expected = captum.attr.IntegratedGradients(reference).attribute(embeddings, baseline, n_steps=10, method="gausslegendre").sum(-1)[0]
    method = IntegratedGradients(steps=10, maximum_steps=10, keep_special=keep_special)
    found = method.attribute(pair.explainer.model, question)
    assert found.scores == pytest.approx(expected.detach().numpy(), abs=1e-5)
    assert found.baseline_output == pytest.approx(float(reference(baseline).detach()), abs=1e-5)
    if keep_special:
        assert not found.scores[special(question).numpy()].any()


def test_integrated_gradients_are_complete_with_default_options(pair: Pair) -> None:
    found = pair.explainer.analyze(pair.text, ["integrated_gradients"])["integrated_gradients"]
    difference = found.output - found.baseline_output
    error = abs(found.scores.sum() - difference)
    assert found.gap == pytest.approx(error / abs(difference), abs=1e-9)
    assert error < 1e-3 * max(abs(difference), 1e-2 * np.abs(found.scores).sum())  # a difference may happen to be nothing


def test_the_other_way_round_every_unit_has_the_other_sign(pair: Pair) -> None:
    task = pair.explainer.model.task
    if task.name == "embedding":
        pytest.skip("an embedding has no contrast")
    question = pair.questions()[0]
    logits = task.text_logits(pair.explainer.model, question.encoding).detach()
    top, other = (task.describe(pair.explainer.model, logits, index) for index in logits.topk(2).indices.tolist())
    for unit in task.units:
        forward, back = (replace(question, target=a, foil=b, unit=unit) for a, b in ((top, other), (other, top)))
        scores = [InputXGradient().attribute(pair.explainer.model, asked) for asked in (forward, back)]
        assert scores[0].output == pytest.approx(-scores[1].output, abs=1e-5)
        assert scores[0].scores == pytest.approx(-scores[1].scores, abs=1e-5)
        reference = pair.reference(forward)
        expected = captum.attr.InputXGradient(reference).attribute(reference.embeddings().requires_grad_()).sum(-1)[0]
        assert scores[0].scores == pytest.approx(expected.detach().numpy(), abs=1e-5)
