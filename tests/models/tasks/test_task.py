"""What all tasks share: what cannot be asked, contrasts, and a model that is left unchanged."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from zoo import FAMILIES, tiny

from explain import InputError, TargetError, TokenExplainer, UnsupportedError
from explain.methods.integrated_gradients import IntegratedGradients
from explain.methods.shapley import Estimator, Shapley
from explain.models.tasks import TASKS, add_task, answered_by, task_class
from explain.types import Question


@pytest.mark.parametrize("name", FAMILIES)
def test_the_model_is_unchanged_by_an_analysis(name: str) -> None:
    made = tiny(name)
    before: dict[str, Any] = {key: value.clone() for key, value in made.model.state_dict().items()}
    with made.explainer() as explainer:
        explainer.analyze(
            made.text, ["attention", "input_x_gradient", "lrp", "occlusion"], step=0 if explainer.model.task.sequence else None
        )
    assert all(torch.equal(value, before[key]) for key, value in made.model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in made.model.parameters())
    assert not made.model.training


@pytest.mark.parametrize("name", [n for n, (_, _, task) in FAMILIES.items() if task != "embedding"])
def test_a_contrast_the_other_way_round_has_the_other_sign(name: str) -> None:
    made = tiny(name)
    explainer = made.explainer()
    integrated = IntegratedGradients(steps=16, maximum_steps=16)
    methods = ["input_x_gradient", integrated, Shapley(estimator=Estimator.KERNEL, evaluations=60), "lrp", "occlusion"]
    if explainer.model.task.sequence:
        pair = [explainer.analyze(made.text, methods, target=a, foil=b) for a, b in (("good", "bad"), ("bad", "good"))]
    else:
        a, b = ("0", "1") if explainer.model.task.name == "classification" else ("good", "bad")
        first, second = (int(a), int(b)) if a.isdigit() else (a, b)
        pair = [explainer.analyze(made.text, methods, target=x, foil=y) for x, y in ((first, second), (second, first))]
    for method in ("input_x_gradient", "integrated_gradients", "shap", "lrp", "occlusion"):
        scale = max(1.0, float(abs(pair[0][method].scores).max()))
        np.testing.assert_allclose(pair[0][method].scores, -pair[1][method].scores, atol=2e-5 * scale, err_msg=method)
        assert pair[0][method].output == pytest.approx(-pair[1][method].output, abs=1e-4)
    explainer.close()


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        ({"target": "zebra"}, TargetError, "'zebra' is not in the vocabulary"),
        ({"target": "very bad"}, TargetError, "split into very \\+ bad"),
        ({"target": 999}, TargetError, "999 does not exist"),
        ({"target": "good", "foil": "good"}, TargetError, "two different answers"),
        ({"unit": "bits"}, InputError, "'bits' is not known"),
        ({"step": 1}, InputError, "has one answer"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(ask: dict[str, Any], error: type[Exception], message: str) -> None:
    explainer = tiny("bert-masked").explainer()
    with pytest.raises(error, match=message):
        explainer.ask(tiny("bert-masked").text, **ask)
    explainer.close()


def test_a_task_without_its_head_is_refused() -> None:
    made = tiny("bert-masked")
    with pytest.raises(UnsupportedError, match="has a head for masked_lm"):
        TokenExplainer(made.model, made.tokenizer, task="classification")
    with pytest.raises(UnsupportedError, match="names no labels"):
        TokenExplainer(tiny("t5-labels").model, made.tokenizer, task="classification")
    with pytest.raises(InputError, match="without its tokenizer"):
        TokenExplainer(made.model)


def test_every_task_says_what_it_is_and_asks_fields_of_a_question() -> None:
    known = {field.name for field in dataclasses.fields(Question)} - {"text"}
    for name, task in TASKS.items():
        assert task.name == name
        assert task.title
        assert task.intro
        assert set(task.asks) <= known
        assert all(task.asks.values())
        assert task.units
        assert ("step" in task.asks) is task.sequence
        assert task_class(name) is task
        assert set(task.heads) <= set(TASKS)
        assert name in answered_by(task.heads[0])
    with pytest.raises(InputError, match=r"The task 'translation' is not known\. Choose one of: masked_lm"):
        task_class("translation")
    with pytest.raises(InputError, match="There is a task 'masked_lm' already"):
        add_task(type("Other", (TASKS["next_token"],), {"name": "masked_lm"}))
    for head, tasks in (
        ("masked_lm", ("masked_lm", "embedding")),
        ("next_token", ("next_token", "generation", "embedding")),
        ("classification", ("classification", "embedding")),
        ("generation", ("generation", "classification", "span_infilling", "embedding")),
        ("embedding", ("embedding",)),
    ):
        assert answered_by(head) == tasks


@pytest.mark.parametrize("name", FAMILIES)
def test_the_best_candidates_are_those_of_the_plain_logits(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        prediction, scores = explainer.model.ask(made.text)
        reference = made.reference(scores[0])
        logits = reference.logits(reference.embeddings())[0].detach()
        task = explainer.model.task
        assert [c.logit for c in prediction.candidates] == pytest.approx(logits.topk(min(10, len(logits))).values.tolist(), abs=1e-5)
        assert all(c.text == task.candidate_text(explainer.model, c.index) for c in prediction.candidates)
        assert scores[0].target.index == (prediction.steps or prediction.candidates)[0].index
