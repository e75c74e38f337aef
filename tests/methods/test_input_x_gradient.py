"""Gradient x input against captum on plain models that were never instrumented."""

from __future__ import annotations

import captum.attr
import numpy as np
import pytest
import torch
from cases import Case
from zoo import tiny

from explain.methods.input_x_gradient import InputXGradient
from explain.models.score import Score
from explain.types import Array


def by_captum(family: Case, score: Score) -> Array:
    reference = family.made.reference(score)
    expected = captum.attr.InputXGradient(reference).attribute(reference.embeddings().requires_grad_()).sum(-1)[0]
    return np.asarray(expected.detach())


def test_it_is_captums_on_the_plain_model(family: Case) -> None:
    for score in family.scores():
        reference = family.made.reference(score)
        found = InputXGradient().attribute(score)
        assert found.scores == pytest.approx(by_captum(family, score), abs=1e-5)
        assert np.abs(found.scores).max() > 1e-5
        assert found.output == pytest.approx(float(reference(reference.embeddings()).detach()), abs=1e-5)


def test_the_other_way_round_every_unit_has_the_other_sign(family: Case) -> None:
    if family.made.task == "embedding":
        pytest.skip("an embedding has no contrast")
    task = family.model.task
    prediction, _ = family.model.ask(family.made.text)
    top, other = (candidate.index for candidate in prediction.candidates[:2])
    for unit in task.units:
        asked = [{"target": top, "foil": other}, {"target": other, "foil": top}]
        if task.sequence:
            names = [family.made.tokenizer.decode([index]) for index in (top, other)]
            if [len(family.made.tokenizer(name, add_special_tokens=False)["input_ids"]) for name in names] != [1, 1]:
                names = ["good", "bad"]
            asked = [{"target": names[0], "foil": names[1]}, {"target": names[1], "foil": names[0]}]
        forward, back = (family.score(unit=unit, **given) for given in asked)
        scores = [InputXGradient().attribute(score) for score in (forward, back)]
        assert scores[0].output == pytest.approx(-scores[1].output, abs=1e-5)
        assert scores[0].scores == pytest.approx(-scores[1].scores, abs=1e-5)
        assert scores[0].scores == pytest.approx(by_captum(family, forward), abs=1e-5)
        assert scores[0].scores.any()


@pytest.mark.parametrize(
    "name", ["bert-masked", "bert-class", "distilbert-class", "roberta-class", "electra-masked", "gpt2-next", "t5-span"]
)
def test_it_is_captums_at_the_embedding_layer_of_the_plain_model(name: str) -> None:
    """Another way to the same: token ids go in, and captum hooks the layer."""
    made = tiny(name)
    with made.explainer() as explainer:
        asked = {"target": "bad", "unit": "logit"} if explainer.model.task.sequence else {"unit": "logit"}
        score = explainer.ask(made.text, **asked).scores[0]
        found = InputXGradient().attribute(score)
    inputs = dict(score.encoding.inputs)
    embedding = made.plain.get_encoder().get_input_embeddings() if name.startswith("t5") else made.plain.get_input_embeddings()

    def plain(ids: torch.Tensor) -> torch.Tensor:
        logits = made.plain(input_ids=ids, **{key: value for key, value in inputs.items() if key != "input_ids"}).logits
        position = score.encoding.position
        return logits[:, score.target.index] if position is None else logits[:, position, score.target.index]

    ids = inputs["input_ids"]
    expected = captum.attr.LayerGradientXActivation(plain, embedding).attribute(ids).sum(-1)[0]
    np.testing.assert_allclose(found.scores[: ids.shape[1]], expected.detach().numpy(), atol=1e-5, rtol=1e-5)
