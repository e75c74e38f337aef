"""Two answers are compared by what the question's tokens do for the one rather than the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from chats import chatty
from zoo import tiny

from explain import compare_answers
from explain.errors import InputError, TargetError, UnsupportedError

CHAT = [{"role": "user", "content": "was the plot good? the film was bad."}]
ANSWERS = ("it was not very good", "bad plot")


@pytest.mark.parametrize("measure", ["mean", "sum"])
def test_scores_are_those_of_the_difference(measure: str) -> None:
    made = chatty()
    prompt = made.tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, return_dict=False)
    embed = made.plain.get_input_embeddings()
    given = embed(torch.tensor([prompt])).detach().requires_grad_()
    scores, said = [], []
    for answer in ANSWERS:
        ids = made.tokenizer(answer, add_special_tokens=False)["input_ids"]
        read = torch.cat([given, embed(torch.tensor([ids]))], dim=1)
        logits = made.plain(inputs_embeds=read).logits[0, len(prompt) - 1 : -1]
        each = logits.log_softmax(-1)[torch.arange(len(ids)), ids]
        scores.append(each.mean() if measure == "mean" else each.sum())
        said.append(float(each.detach().sum().exp()))
    difference = scores[0] - scores[1]
    expected = (torch.autograd.grad(difference, given)[0] * given).sum(-1)[0].detach()
    with made.explainer() as explainer:
        found = compare_answers(
            explainer, CHAT, *ANSWERS, ["input_x_gradient", "shap"], measure=measure, options={"shap": {"players": "words"}}
        )
        back = compare_answers(explainer, CHAT, *ANSWERS[::-1], ["input_x_gradient"], measure=measure)
    assert (found.target.text, found.foil and found.foil.text) == ANSWERS
    assert (found.target.probability, found.foil and found.foil.probability) == pytest.approx(tuple(said), rel=1e-4)
    assert len(found.tokens) == len(prompt)
    gradient = found["input_x_gradient"]
    np.testing.assert_allclose(gradient.scores, expected, atol=1e-4 * float(expected.abs().max()))
    np.testing.assert_allclose(back["input_x_gradient"].scores, -gradient.scores, atol=1e-9)
    assert gradient.output == pytest.approx(float(difference.detach()), abs=1e-4)
    shap = found["shap"]
    assert shap.baseline_output is not None
    assert shap.scores.sum() == pytest.approx(shap.output - shap.baseline_output, abs=1e-4)
    assert found.summary().asked.foil == ANSWERS[1]


def test_what_cannot_be_compared_is_said() -> None:
    with chatty().explainer() as explainer:
        with pytest.raises(TargetError, match="Both answers are 'it'"):
            compare_answers(explainer, CHAT, "it", " it")
        with pytest.raises(UnsupportedError, match="Attention has no sign"):
            compare_answers(explainer, CHAT, *ANSWERS, ["attention"])
        with pytest.raises(InputError, match=r"measure 'median' is not known\. Choose one of: mean, sum"):
            compare_answers(explainer, CHAT, *ANSWERS, measure="median")
    with tiny("bert-class").explainer() as explainer, pytest.raises(UnsupportedError, match="Give target and foil instead"):
        compare_answers(explainer, "the film", *ANSWERS)
