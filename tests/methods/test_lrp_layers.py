"""Relevance of layers that are computed again is that of the whole graph: scores, ledger, and states of all layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from alike import same
from zoo import tiny

from explain import LRP, InputXGradient
from explain.methods import lrp_layers
from explain.methods.lrp_rules import Variant
from explain.models import memory


@pytest.mark.parametrize("variant", Variant)
@pytest.mark.parametrize("name", ["bert-class", "gpt2-next", "llama-next", "t5-generation"])
def test_relevance_is_that_of_the_whole_graph(name: str, variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """1e-12 in float64, 1e-6 in float32, alone and by the pass of the prediction, whose plain gradient too; T5 computes in float32."""
    made = tiny(name)
    methods = (LRP(variant=variant), InputXGradient())
    for exact in (False, True):
        if exact:
            made.model.double()
        with made.explainer() as explainer:
            asked: dict[str, Any] = {"target": "bad plot", "step": 1} if explainer.model.task.sequence else {}
            found = []
            for graph in (2**60, 0):
                monkeypatch.setattr(memory, "GRAPH", graph)
                alone, both = explainer.ask(made.text, **asked).scores[0], explainer.ask(made.text, methods=methods, **asked).scores[0]
                found.append([methods[0].attribute(alone), *(method.attribute(both) for method in methods)])
        for whole, again in zip(*found, strict=True):
            single = 1e-6 if whole.method == "lrp" else 1e-5  # gradients change sign from dimension to dimension
            same(whole, again, relative=1e-12 if exact and not name.startswith("t5") else single)
        assert found[1][0].gap == pytest.approx(0, abs=1e-4)


def test_large_flows_are_summed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lrp_layers, "LARGE", 10)
    leaf, gradient = (torch.randn(2, 3, 40, generator=torch.Generator().manual_seed(seed)) for seed in range(2))
    torch.testing.assert_close(lrp_layers._flow(leaf, gradient, 2), (leaf.double() * gradient).sum((1, 2)), rtol=1e-5, atol=1e-5)
    leaf[0, 0, 0], gradient[0, 0, 0] = -torch.inf, 0.0
    assert lrp_layers._flow(leaf, gradient, 2).isfinite().all()
