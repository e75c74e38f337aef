"""Attention that is not kept is what it was when somebody reads it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cases import Case
from zoo import tiny

from explain.errors import UnsupportedError
from explain.inside.layers import attention_by_layer
from explain.methods.attention import AttentionWeights
from explain.methods.attention_rollout import AttentionRollout, HeadFusion
from explain.methods.layer_ablation import LayerAblation
from explain.models import memory
from explain.models.architectures import AttentionSite
from explain.models.trace import record


def test_what_is_too_large_to_keep_is_computed_when_it_is_read(exact: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same scores, one layer's attention at a time; T5 computes in float32 within."""
    methods = [AttentionWeights(), AttentionWeights(layer=1, head=2), AttentionRollout(), AttentionRollout(heads=HeadFusion.MIN)]
    if exact.model.instruments.architecture.blocks:
        methods.append(LayerAblation())
    tolerance = 1e-5 if exact.made.name.startswith("t5") else 1e-10
    kept = exact.score()
    assert kept.trace.kept
    monkeypatch.setattr(memory, "MAPS", -1)
    unkept = kept.anew()
    assert not unkept.trace.kept
    for method in methods:
        expected, found = method.attribute(kept), method.attribute(unkept)
        np.testing.assert_allclose(found.scores, expected.scores, atol=tolerance)
        assert found.positions == expected.positions
        assert not set(found.maps) & {"rollout", *unkept.trace.groups}
    np.testing.assert_allclose(attention_by_layer(unkept), attention_by_layer(kept), atol=tolerance)
    with pytest.raises(UnsupportedError, match=r"would take about 0\.0 GiB\. Use a shorter text, or a method that reads those"):
        unkept.trace.attention()
    for site, weights in kept.trace.weights.items():
        torch.testing.assert_close(unkept.trace.weights[site], weights, atol=tolerance, rtol=0)


def test_rows_of_a_batch_that_is_not_kept() -> None:
    made = tiny("gpt2-next")
    with made.explainer() as explainer:
        encoding = explainer.model.encode(made.text)
        task, model = explainer.model.task, explainer.model

        def forward() -> torch.Tensor:
            ids = torch.cat([encoding.inputs["input_ids"], encoding.inputs["input_ids"].flip(1)])
            return task.logits(model, encoding, {"input_ids": ids}, torch.tensor([3, 5]))

        with torch.no_grad():
            kept, unkept = (record(model.instruments, forward, weights=weights) for weights in (True, False))
        for one, other in zip(kept.rows(), unkept.rows(), strict=True):
            for site in one.weights:
                torch.testing.assert_close(one.weights[site], other.weights[site], atol=1e-6, rtol=0)
        assert AttentionSite("self", 9) not in unkept.weights
