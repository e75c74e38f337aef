"""A model and its task: encode, answer, ask."""

from __future__ import annotations

import pytest
from zoo import FAMILIES, tiny

from explain import InputError, UnsupportedError
from explain.models.explained_model import ExplainedModel
from explain.models.tasks import make_task
from explain.types import Question


@pytest.mark.parametrize("name", FAMILIES)
def test_asking_is_encoding_and_answering(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        model = explainer.model
        question = Question(made.text, unit=model.task.units[-1])
        prediction, scores = model.ask(question)
        again, others = model.answer(model.encode(question), question)
        assert (prediction.candidates, prediction.text, prediction.steps) == (again.candidates, again.text, again.steps)
        assert [score.value() for score in scores] == [score.value() for score in others]
        assert all(score.unit == question.unit and score.model is model for score in scores)
        assert model.ask(made.text)[0].candidates == prediction.candidates  # a text is a question that leaves all else open
        for text in ("", " \n"):
            with pytest.raises(InputError, match="The text is empty"):
                model.encode(text)


def test_a_model_that_cannot_do_the_task_is_never_touched() -> None:
    made = tiny("bert-masked")
    made.tokenizer.mask_token = None
    task = make_task("masked_lm", made.model)
    with pytest.raises(UnsupportedError, match="has no mask token"):
        ExplainedModel(made.model, made.tokenizer, task)
    assert made.model.config._attn_implementation == "sdpa"
