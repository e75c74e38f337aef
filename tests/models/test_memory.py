"""Sizes are estimates of what tensors take, and batches stay within them."""

from __future__ import annotations

import pytest
from zoo import tiny

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
    with tiny("bert-class").explainer() as explainer:
        model = explainer.model
        assert [memory.rows_at_once(model, length) for length in (0, 1, 100, 768, 5000)] == [768, 768, 7, 1, 1]
    assert memory.in_gibibytes(3 * 2**29) == "1.5 GiB"
