"""Outputs of several tokens: their sum, and where a foil parts from them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from zoo import tiny

from explain import TargetError


@pytest.mark.parametrize("name", ["gpt2-generation", "t5-generation", "t5-span", "bart-generation"])
def test_the_whole_output_scores_the_sum_of_its_teacher_forced_log_probabilities(name: str) -> None:
    made = tiny(name)
    explainer = made.explainer()
    output = "very bad plot"
    result = explainer.analyze(made.text, ["input_x_gradient"], target=output)
    ids = made.tokenizer(output, add_special_tokens=False)["input_ids"]
    source = made.tokenizer(made.text.replace("___", "<extra_id_0>"))["input_ids"]
    with torch.no_grad():
        if made.model.config.is_encoder_decoder:
            opening = [made.model.config.decoder_start_token_id] + ([20] if name == "t5-span" else [])
            logits = made.model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([opening + ids])).logits
            first = len(opening) - 1
        else:
            logits = made.model(input_ids=torch.tensor([source + ids])).logits
            first = len(source) - 1
    log_probabilities = logits[0].log_softmax(-1)
    expected = sum(float(log_probabilities[first + step, index]) for step, index in enumerate(ids))
    attribution = result["input_x_gradient"]
    assert attribution.output == pytest.approx(expected, abs=1e-4)
    assert attribution.step_scores is not None
    np.testing.assert_allclose(attribution.step_scores.sum(0), attribution.scores, atol=1e-9)
    assert attribution.step_scores.shape == (3, len(result.tokens))
    assert result.target.probability == pytest.approx(math.exp(expected), rel=1e-3)
    explainer.close()


@pytest.mark.parametrize("name", ["gpt2-generation", "t5-generation", "t5-span", "bart-generation"])
def test_each_step_reads_the_output_before_it_and_scores_as_in_one_pass(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        analysis = explainer.ask(made.text, target="very bad plot")
        whole = analysis.encoding
        for number, score in enumerate(analysis.scores):
            encoding = score.encoding
            assert encoding.output == whole.output[: number + 1]
            assert encoding.tokens == whole.tokens[: len(whole.tokens) - (2 - number)]
            assert encoding.position is not None
            assert score.target.index == whole.output[number]
            assert score.anew().value() == pytest.approx(score.value(), abs=1e-4)  # alone, and from the pass of all steps
        for number, score in enumerate(analysis.scores):
            alone = explainer.ask(made.text, target="very bad plot", step=number)
            assert [one.target for one in alone.scores] == [score.target]


def test_a_foil_is_compared_where_the_two_part() -> None:
    made = tiny("t5-generation")
    with made.explainer() as explainer:
        analysis = explainer.ask(made.text, target="very good film", foil="very bad film")
        (score,) = analysis.scores
        assert (score.target.text, score.foil.text) == ("good", "bad")
        assert score.encoding.output == analysis.encoding.output[:2]
        by_index = explainer.ask(made.text, target="very good film", foil=score.foil.index, step=1).scores[0]
        assert by_index.value() == pytest.approx(score.value(), abs=1e-6)
        first = explainer.ask(made.text, target="very good film", foil="bad").scores[0]
        assert (first.target.text, first.foil.text) == ("very", "bad")
        with pytest.raises(TargetError, match="never parts"):
            explainer.ask(made.text, target="very good film", foil="very good")
        with pytest.raises(TargetError, match="two different answers"):
            explainer.ask(made.text, target="very good film", foil="very", step=0)
