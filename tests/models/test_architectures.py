"""The parts of a model are found from its own structure."""

from __future__ import annotations

import pytest
import torch
from cases import CASES
from zoo import FAMILIES, HIDDEN, SHARED, real, tiny

from explain.models import architectures, instrumentation


@pytest.mark.parametrize("name", [*FAMILIES, *HIDDEN])
def test_the_parts_of_every_family_are_found(name: str) -> None:
    made = tiny(name, deep=name in CASES)
    instruments = instrumentation.instrument(made.model)
    found = instruments.architecture
    instrumentation.release(made.model)
    depth = 3 if name in CASES else 2
    stacks = {"encoder": depth, "decoder": 2} if made.encoder_decoder else {"self": depth}
    if name in HIDDEN:
        assert found.groups == {}
        return
    assert found.groups == stacks | ({"cross": 2} if made.encoder_decoder else {})
    assert {stack: len(blocks) for stack, blocks in found.blocks.items()} == ({} if name in SHARED else stacks)
    modules = {id(module) for module in made.model.modules()}
    assert {id(block) for blocks in found.blocks.values() for block in blocks} | set(found.sites) <= modules
    assert (found.decoder_embedding is not None) is made.encoder_decoder


@pytest.mark.parametrize(
    ("name", "expected"), [("bert-class", 64), ("roberta-class", 63), ("gpt2-next", 64), ("t5-class", None), ("llama-next", 64)]
)
def test_the_length_is_bounded_by_learned_positions_and_by_the_tokenizer(name: str, expected: int | None) -> None:
    made = tiny(name)
    assert architectures.maximum_length(made.model, made.tokenizer) == expected
    made.tokenizer.model_max_length = 16
    assert architectures.maximum_length(made.model, made.tokenizer) == 16


def test_roberta_reads_as_many_tokens_as_positions_are_left_by_padding() -> None:
    made = real("roberta-class")
    length = architectures.maximum_length(made.model, made.tokenizer)
    assert length == made.model.config.max_position_embeddings - made.tokenizer.pad_token_id - 1
    with torch.no_grad():
        made.model(torch.full((1, length), 5))
        with pytest.raises((IndexError, RuntimeError), match="out of"):
            made.model(torch.full((1, length + 1), 5))
