"""Models built by hand, whose answer depends on known tokens in a known way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers as t
from zoo import IDS, PIECES, WORDS, tokenizer

from explain import METHODS, TokenExplainer
from explain.methods.integrated_gradients import IntegratedGradients

WEIGHTS = {"good": 2.0, "bad": -3.0, "not": 0.5}
TEXT = "the film was not very good but bad actors saved it"


def bag_of_words(*, squared: bool) -> Any:
    """A GPT-2 classifier whose first layer sums all values and whose label 1 reads one direction of the sum (or its square).

    Every other weight is zero: positions, the MLP and queries and keys, so attention is uniform over the tokens so far.
    """
    words = tokenizer(opening=False)
    config = t.GPT2Config(vocab_size=len(words), n_embd=4, n_layer=1, n_head=1, n_positions=32, pad_token_id=0, num_labels=2)
    model = t.GPT2ForSequenceClassification(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        for word, weight in WEIGHTS.items():
            model.transformer.wte.weight[words.convert_tokens_to_ids(word), 0] = weight
        block = model.transformer.h[0]
        block.ln_1 = block.ln_2 = model.transformer.ln_f = torch.nn.Identity()
        block.attn.c_attn.weight[0, 8] = 1.0  # the value's first dimension is the embedding's first
        block.attn.c_proj.weight[0, 1] = 1.0  # and goes to the second
        model.score.weight[1, 1] = 1.0
    if squared:
        model.score = _Squared(model.score)
    return model, words


class _Squared(torch.nn.Module):
    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.inner(hidden)
        return found.square()


@pytest.mark.parametrize("method", ["input_x_gradient", "integrated_gradients"])
def test_a_mean_of_word_weights_is_shared_out_exactly(method: str) -> None:
    model, words = bag_of_words(squared=False)
    with TokenExplainer(model, words) as explainer:
        options = {"integrated_gradients": {"keep_special": False}} if method == "integrated_gradients" else {}
        found = explainer.analyze(TEXT, [method], target=1, options=options)[method]
    expected = np.array([WEIGHTS.get(token.text, 0.0) for token in found.tokens]) / len(found.tokens)
    assert found.scores == pytest.approx(expected, abs=1e-8 if method == "integrated_gradients" else 1e-12)  # captum weighs in float32
    assert found.output == pytest.approx(expected.sum(), abs=1e-12)
    if method == "integrated_gradients":
        assert found.baseline_output == pytest.approx(0.0, abs=1e-12)
        assert abs(found.scores.sum() - found.output) < 1e-6


def test_a_square_is_shared_out_by_its_formula() -> None:
    """For f = (sum w)^2: integrated gradients from zero are w * sum, gradient x input is twice that."""
    model, words = bag_of_words(squared=True)
    with TokenExplainer(model, words) as explainer:
        found = explainer.analyze(TEXT, [IntegratedGradients(keep_special=False), "input_x_gradient"], target=1)
    shares = np.array([WEIGHTS.get(token.text, 0.0) for token in found.tokens]) / len(found.tokens)
    assert found["integrated_gradients"].scores == pytest.approx(shares * shares.sum(), abs=1e-8)  # captum weighs in float32
    assert found["input_x_gradient"].scores == pytest.approx(2 * shares * shares.sum(), abs=1e-12)


@pytest.mark.parametrize("method", ["occlusion", "shap"])
def test_replacing_words_takes_their_weight_away(method: str) -> None:
    model, words = bag_of_words(squared=False)
    with TokenExplainer(model, words) as explainer:
        found = explainer.analyze(TEXT, [method], target=1, options={method: {"replacement": "mask"}})[method]
    expected = np.array([WEIGHTS.get(token.text, 0.0) for token in found.tokens]) / len(found.tokens)
    assert found.scores == pytest.approx(expected, abs=1e-9)


def test_the_decisive_word_is_found_by_every_method_that_knows_the_target() -> None:
    model, words = bag_of_words(squared=False)
    with TokenExplainer(model, words) as explainer:
        found = explainer.analyze(TEXT, ["input_x_gradient", "integrated_gradients", "occlusion", "shap"], target=1)
        for one in found:
            assert found.tokens[int(one.scores.argmin())].text == "bad", one.method
            assert found.tokens[int(one.scores.argmax())].text == "good", one.method
        contrast = explainer.analyze(TEXT, ["input_x_gradient"], target=0, foil=1)["input_x_gradient"]
    assert contrast.scores == pytest.approx(-found["input_x_gradient"].scores, abs=1e-12)


PLANTED = {"good": 1.0, "bad": -1.0}
SIGNED = [name for name, method in METHODS.items() if method.signed and not method.needs_attention]


def planted_model() -> t.GPT2ForSequenceClassification:
    """One uniform attention head carries a single feature, which only the planted words have, to the last token."""
    config = t.GPT2Config(**IDS, n_embd=8, n_layer=1, n_head=1, n_positions=32, bos_token_id=1, num_labels=2, layer_norm_epsilon=1e4)
    model = t.GPT2ForSequenceClassification(config).eval()
    block = model.transformer.h[0]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        # The norms' epsilon outweighs every variance, so they only scale and the model is linear.
        for word, sign in PLANTED.items():
            model.transformer.wte.weight[PIECES.index(word), 0] = sign
        for norm in (block.ln_1, block.ln_2, model.transformer.ln_f):
            norm.weight.fill_(100.0)
        block.attn.c_attn.weight[0, 16] = 1.0  # the value reads feature 0; query and key stay zero
        block.attn.c_proj.weight[0, 1] = 4.0  # and writes feature 1
        model.score.weight[1, 1] = 1.0
        model.score.weight[0, 1] = -1.0
    return model


@pytest.mark.parametrize("method", SIGNED)
def test_every_signed_method_ranks_the_planted_word_first(method: str) -> None:
    with TokenExplainer(planted_model(), tokenizer(opening=False), task="classification") as explainer:
        fillers = [word for word in WORDS if word not in PLANTED]
        for word, sign in PLANTED.items():
            for place in range(5):
                words = fillers[place : place + 5]
                words.insert(place, word)
                found = explainer.analyze(" ".join(words), [method], target=1)[method]
                assert int(abs(found.scores).argmax()) == place
                assert found.scores[place] * sign > 0
