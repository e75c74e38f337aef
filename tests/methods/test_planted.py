"""A classifier that looks at one known word: every signed method must find it."""

from __future__ import annotations

import pytest
import torch
import transformers as t
from families import IDS, PIECES, WORDS, tokenizer

from explain import METHODS, TokenExplainer

PLANTED = {"good": 1.0, "bad": -1.0}
SIGNED = [method.name for method in METHODS if method.signed and not method.needs_attention] + ["lrp"]


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
