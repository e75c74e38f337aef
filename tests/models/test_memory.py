"""Sizes are estimates of what tensors take, and batches stay within them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from zoo import tiny

from explain import METHODS
from explain.models import memory


def test_attention_of_a_text() -> None:
    made = tiny("gpt2-next", deep=True)
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        length = len(score.encoding.tokens)
        assert memory.attention_bytes(explainer.model, length) == sum(own.nbytes for own in score.trace.weights.values())


def test_a_graph_is_larger_with_attention_written_out_and_grows_with_rows() -> None:
    with tiny("llama-next").explainer() as explainer:
        one = memory.graph_bytes(explainer.model, 1, 100)
        assert memory.graph_bytes(explainer.model, 3, 100) == 3 * one
        assert memory.graph_bytes(explainer.model, 1, 100, written_out=True) - one == 100 * 4 * 2 * memory.WEIGHTS * 4 * 100


def test_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor so many tokens; on an accelerator, for which a model stands in, a quarter of what is free, without torch's own."""
    with tiny("bert-class").explainer() as explainer:
        model = explainer.model
        assert [memory.rows_at_once(model, length) for length in (0, 1, 100, 768, 5000)] == [768, 768, 7, 1, 1]
        device, layer = torch.device("cuda"), memory.layer_bytes(model, 100)
        there: Any = SimpleNamespace(device=device, model=model.model, attention_groups=model.attention_groups)
        found = {"mem_get_info": (40 * layer + 5, 0), "memory_reserved": 100 * layer, "memory_allocated": 60 * layer}
        for name, value in found.items():
            monkeypatch.setattr(torch.cuda, name, {device: value}.__getitem__)
        assert memory.rows_at_once(there, 100) == (40 + 100 - 60) // 4
        monkeypatch.setattr(torch.cuda, "mem_get_info", {device: (2**40, 0)}.__getitem__)
        assert [memory.rows_at_once(there, length) for length in (100, 10**5)] == [memory.TOKENS_OF_ACCELERATOR // 100, 1]
    assert memory.in_gibibytes(3 * 2**29) == "1.5 GiB"


def test_long_texts_take_more_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gradient whose layers are computed again takes one more; attention that is written out what its weights take beside its layers."""
    with tiny("llama-next").explainer() as explainer:
        score = explainer.ask(explainer.model.tokenizer.decode([5] * 40)).scores[0]
        graph = memory.graph_bytes(explainer.model, 1, len(score.encoding.tokens))
        assert explainer.model.instruments.attention_is_one
        chosen = [METHODS[name]() for name in ("gradient_norm", "input_x_gradient", "lrp", "integrated_gradients")]
        found = []
        for most in (graph, graph - 1):
            monkeypatch.setattr(memory, "GRAPH", most)
            found.append([method.expected_passes(score) for method in chosen])
        assert found == [[2, 2, 3, 80], [3, 3, 4, 96]]
        shares = [memory.passes_written_out(explainer.model, length) for length in (8, 80, 800, 8000)]
        assert shares[0] < 0.1
        assert shares == sorted(shares)
        assert shares[3] == pytest.approx(4 * memory.WRITTEN / (4 * 32), rel=0.2), "in the end weights are all there is"
