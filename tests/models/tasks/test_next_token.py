"""Next token: what the plain model says after the text."""

from __future__ import annotations

import pytest
from zoo import real

CAUSAL = ["gpt2-next", "llama-next"]


@pytest.mark.parametrize("name", CAUSAL)
def test_the_next_token_is_that_of_the_plain_model(name: str) -> None:
    made = real(name)
    for text in ("the film was", "the film was ", "the film was\n", "中文 🎬 é"):
        expected = made.logits(text)[-1]
        with made.explainer() as explainer:
            found = explainer.model.ask(text)[0].candidates
        assert [one.index for one in found] == expected.topk(10).indices.tolist()
        for one in found:
            assert one.probability == pytest.approx(float(expected.softmax(-1)[one.index]), abs=1e-5)
            assert one.logit == pytest.approx(float(expected[one.index]), abs=1e-5)
