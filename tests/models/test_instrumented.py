"""A model with its tokenizer and instruments: lengths, batches, embeddings, and leaving it as it was."""

from __future__ import annotations

import pytest
import torch
from zoo import FAMILIES, tiny

from explain import TextTooLongError
from explain.models import memory
from explain.models.instrumented import InstrumentedModel


@pytest.mark.parametrize("name", ["bert-class", "t5-generation", "bart-generation"])
def test_embeddings_are_those_of_the_models_own_layers(name: str) -> None:
    made = tiny(name)
    inputs = made.plain_inputs()
    with InstrumentedModel(made.model, made.tokenizer) as model, torch.no_grad():
        found = model.embed(inputs)
        base = made.plain.base_model
        parts = [(base.get_encoder() if made.encoder_decoder else base).get_input_embeddings()(inputs["input_ids"])]
        if made.encoder_decoder:
            parts.append(base.get_decoder().get_input_embeddings()(inputs["decoder_input_ids"]))
    assert torch.equal(found, torch.cat(parts, dim=1))


@pytest.mark.parametrize("name", FAMILIES)
def test_without_a_task_a_model_lets_itself_be_looked_into_and_is_left_as_it_was(name: str) -> None:
    made = tiny(name)
    with InstrumentedModel(made.model, made.tokenizer, name="mine", revision="abc") as model:
        assert (model.name, model.revision) == ("mine", "abc")
        assert model.attention_groups
        assert model.device == torch.device("cpu")
        assert made.model.config._attn_implementation == "explain_sdpa"
        model.close()
        model.close()
    assert made.model.config._attn_implementation == "sdpa"
    assert InstrumentedModel(made.model, made.tokenizer).name == type(made.model).__name__


def test_batches_hold_a_bounded_number_of_tokens() -> None:
    made = tiny("bert-class")
    with InstrumentedModel(made.model, made.tokenizer) as model:
        for length in (0, 1, 10, 767, 768, 769, 5000):
            rows = model.rows_per_batch(length)
            assert rows >= 1
            assert rows == 1 or rows * length <= memory.TOKENS < (rows + 1) * max(length, 1)


def test_more_tokens_than_are_read_are_refused_with_both_numbers() -> None:
    made = tiny("bert-class")
    with InstrumentedModel(made.model, made.tokenizer, name="mine") as model:
        model.check_length(64)
        with pytest.raises(
            TextTooLongError, match=r"The text has 70 tokens, but mine reads at most 64\. Shorten it by at least 6"
        ) as caught:
            model.check_length(70)
        assert (caught.value.tokens, caught.value.limit) == (70, 64)
        model.maximum_length = None
        model.check_length(10**6)
