"""Activations, experts and relative biases are found from a model's own structure."""

from __future__ import annotations

import pytest
from sweep import small
from zoo import FAMILIES, tiny

from explain.models.nonlinear import activations, holds_experts, relative_bias


@pytest.mark.parametrize("name", FAMILIES)
def test_the_activations_of_every_family_are_found(name: str) -> None:
    made = tiny(name)
    found = activations(made.model)
    assert len(found) >= (1 if name.startswith("albert") else 4 if made.encoder_decoder else 2)
    assert not any(list(module.parameters()) for module in found)
    assert bool(relative_bias(made.model)) is name.startswith("t5")
    assert not any(holds_experts(module) for module in made.model.modules())


def test_an_activation_of_a_models_own_is_known_by_what_it_does() -> None:
    found = activations(small("next_token", "bloom"))
    assert [type(module).__name__ for module in found] == ["BloomGelu"] * 2


def test_experts_are_found() -> None:
    assert sum(holds_experts(module) for module in small("next_token", "mixtral").modules()) == 2
