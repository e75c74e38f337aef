"""What methods are expected to cost is what they then cost."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from zoo import tiny

from explain import METHODS
from explain.cost import FEW, expected_cost
from explain.models import memory
from explain.models.explained_model import ExplainedModel

GRADIENTS = {"gradient_norm": 2, "input_x_gradient": 2, "lrp": 3, "integrated_gradients": 3}
"""How many passes a pass with its gradient counts as."""
DEAR = {"attention_flow", "shap"}
"""Left out: the one reads what attention reads, the other counts evaluations, and both compile first."""


def layers_run(model: ExplainedModel, rows: list[int]) -> list[torch.utils.hooks.RemovableHandle]:
    """Note the rows of every layer that is computed, where its first part begins."""
    stacks = model.instruments.architecture.blocks.values()
    first = [next(part for part in block.modules() if not [*part.children()]) for stack in stacks for block in stack]
    return [part.register_forward_pre_hook(lambda _, given: rows.append(len(given[0]))) for part in first]


@pytest.mark.parametrize("name", ["bert-class", "gpt2-next", "t5-span"])
def test_expected_passes_are_those_that_are_made(name: str) -> None:
    """In layers that are computed, the prediction's among them where the method shares its pass, which sequences do not.

    Integrated gradients stops when it is exact enough.
    """
    made = tiny(name, deep=True)
    with made.explainer() as explainer:
        ask = partial(explainer.ask, made.text, **({"target": "bad"} if name == "t5-span" else {}))
        analysis = ask()
        depth = sum(len(stack) for stack in analysis.model.instruments.architecture.blocks.values())
        rows: list[int] = []
        layers_run(analysis.model, rows)
        for method in (METHODS[method]() for method in METHODS if method not in DEAR):
            if method.name == "integrated_gradients" and name == "t5-span":
                continue  # takes all its steps on random weights
            rows.clear()
            ask(methods=[method]).run(method)
            spent = (sum(rows) / depth - analysis.model.task.sequence) * GRADIENTS.get(method.name, 1)
            expected = method.expected_passes(analysis.scores[0])
            if method.name == "integrated_gradients":
                assert spent >= 3 * 18
                assert expected == 5 * 16
            else:
                assert expected == pytest.approx(spent, rel=0.25, abs=1.5), method.name


@pytest.mark.parametrize(("name", "passes"), [("gradient_norm", 2), ("input_x_gradient", 2), ("lrp", 3)])
def test_layers_that_are_computed_again_are_expected(name: str, passes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain gradient is that of the prediction's pass; LRP's own pass comes after the prediction's."""
    monkeypatch.setattr(memory, "GRAPH", 0)
    made, method = tiny("llama-next", deep=True), METHODS[name]()
    with made.explainer() as explainer:
        rows: list[int] = []
        layers_run(explainer.model, rows)
        analysis = explainer.ask(made.text, methods=[method])
        analysis.run(method)
        assert rows == [1] * passes * len(explainer.model.instruments.architecture.blocks["self"])
        assert method.expected_passes(analysis.scores[0]) == GRADIENTS[name] + 1


def test_seconds_are_those_of_a_pass_alone_and_of_rows_of_a_batch() -> None:
    with tiny("bert-class").explainer() as explainer:
        analysis = explainer.ask("good plot bad plot")
        rows: list[int] = []
        layers_run(analysis.model, rows)
        cost = expected_cost(analysis, [METHODS["lrp"](), METHODS["occlusion"]()])
        assert set(rows) == {1, 8}
        more = cost.passes["lrp"] + cost.passes["occlusion"] - 2
        assert cost.seconds(["lrp", "occlusion"]) == pytest.approx(2 * cost.seconds_alone + more * cost.seconds_per_pass)
        rows.clear()
        few = expected_cost(analysis, [METHODS["lrp"](), METHODS["attention"]()])
        assert set(rows) == {1}
        assert few.seconds_per_pass == few.seconds_alone
        assert max(few.passes.values()) <= FEW
