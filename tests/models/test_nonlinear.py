"""Gated products, experts, computed positions and relative biases are found from a model's own structure."""

from __future__ import annotations

import pytest
from sweep import small
from torch import nn
from zoo import FAMILIES, tiny

from explain.models.nonlinear import activation_kinds, computes_positions, holds_experts, nonlinear, relative_bias


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_gated_is_found_in_every_family(name: str) -> None:
    made = tiny(name)
    activations, gated = nonlinear(made.model, frozenset())
    layers = 4 if made.encoder_decoder else 2
    known = name.startswith(("llama", "qwen2", "modernbert", "t5")) and name != "t5-span"
    assert len(gated) == (layers if known else 0)
    assert len(activations) >= (1 if name.startswith("albert") else layers)
    assert all(isinstance(module, activation_kinds()) for module in activations)
    assert bool(relative_bias(made.model)) is name.startswith("t5")
    assert not any(holds_experts(module) or computes_positions(module) for module in made.model.modules())


def test_experts_and_computed_positions_are_found() -> None:
    assert sum(holds_experts(module) for module in small("next_token", "mixtral").modules()) == 2
    assert sum(computes_positions(module) for module in small("generation", "m2m_100").modules()) == 2


def test_an_attention_module_is_no_gated_block() -> None:
    block = nn.ModuleDict({"a": nn.Linear(4, 8), "b": nn.Linear(4, 8), "act": nn.GELU(), "out": nn.Linear(8, 4)})
    model = tiny("bert-class").model
    model.add_module("block", block)
    assert nonlinear(model, frozenset())[1] == (block["out"],)
    assert nonlinear(model, frozenset([id(block)]))[1] == ()
    assert block["act"] in nonlinear(model, frozenset())[0]
