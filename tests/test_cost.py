"""What methods are expected to cost is what they then cost."""

from __future__ import annotations

import pytest
from zoo import tiny

from explain import METHODS
from explain.cost import expected_cost

GRADIENTS = ("gradient_norm", "input_x_gradient", "lrp", "integrated_gradients")


@pytest.mark.parametrize("name", ["bert-class", "gpt2-next", "t5-span"])
def test_expected_passes_are_those_that_are_made(name: str) -> None:
    made = tiny(name)
    methods = [METHODS[method]() for method in METHODS]
    with made.explainer() as explainer:
        analysis = explainer.ask(made.text, **({"target": "bad"} if name == "t5-span" else {}))
        cost = expected_cost(analysis, methods)
        made_passes = {method.name: analysis.run(method).passes for method in methods}
        layers = sum(analysis.model.attention_groups.values())
    made_passes["value_zeroing"] /= layers  # a row of it goes through one layer
    assert set(cost.passes) == set(METHODS)
    assert cost.seconds_per_pass > 0
    for method, passes in made_passes.items():
        times = 3 if method in GRADIENTS else 1  # a gradient pass costs about three
        if method != "integrated_gradients":  # which spends what its tolerance takes
            assert passes * times <= 3 * cost.passes[method]
        assert cost.passes[method] <= 3 * passes * times
    more = cost.passes["lrp"] + cost.passes["occlusion"] - 2
    assert cost.seconds(["lrp", "occlusion"]) == pytest.approx(2 * cost.seconds_alone + more * cost.seconds_per_pass)
