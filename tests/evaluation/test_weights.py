"""The parts of a model hold all of its weights, from the top down."""

from __future__ import annotations

import pytest
import torch
from zoo import FAMILIES, tiny

from explain.evaluation.weights import parts_of, shuffle


@pytest.mark.parametrize("name", FAMILIES)
def test_the_parts_hold_every_parameter_once_from_the_top_down(name):
    with tiny(name).explainer() as explainer:
        model = explainer.model
        parts = parts_of(model)
        held = [id(parameter) for _, parameters in parts for parameter in parameters]
        assert sorted(held) == sorted(id(parameter) for parameter in model.model.parameters())
        assert parts[-1][0] == "embeddings"
        assert any(p is model.instruments.architecture.embedding.weight for p in parts[-1][1])
        depth = sum(map(len, model.instruments.architecture.blocks.values()))
        assert sum("layer" in part for part, _ in parts) == max(1, depth)


def test_shuffling_keeps_the_numbers_of_every_tensor():
    weight = torch.nn.Parameter(torch.arange(24.0).view(4, 6))
    shuffle([weight], torch.Generator().manual_seed(0))
    assert weight.shape == (4, 6)
    assert weight.detach().flatten().sort().values.tolist() == list(range(24))
    assert weight.detach().flatten().tolist() != list(range(24))
