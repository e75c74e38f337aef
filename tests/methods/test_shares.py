"""Effects shared among tokens by attention, by loops over a few numbers."""

from __future__ import annotations

import numpy as np
import pytest
from cases import Case
from zoo import tiny

from explain.methods.shares import attention_shares, shares_to_scores


def test_shares_are_the_rows_of_attention(case: Case) -> None:
    score = case.score()
    positions = score.read_positions()
    maps = case.made.eager(score.encoding)
    found = attention_shares(score.trace, positions)
    assert set(found) == set(maps)
    for group, values in maps.items():
        for layer, head in np.ndindex(values.shape[:2]):
            matrix = values[layer, head]
            if group == "encoder" and "cross" in maps:
                read = np.mean([cross[list(positions)].mean(0) for layers in maps["cross"] for cross in layers], axis=0)
                expected = sum(weight * row for weight, row in zip(read, matrix, strict=True))
            else:
                expected = sum(matrix[position] for position in positions) / len(positions)
            np.testing.assert_allclose(found[group][layer, head], expected, atol=1e-5)
        np.testing.assert_allclose(found[group].sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["bert-class", "t5-span", "t5-class", "t5-labels", "t5-embed"])
def test_sides_meet_in_the_tokens(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        encoding = explainer.ask(made.text).scores[-1].encoding
    inputs = encoding.input_length
    over_input = np.arange(1.0, inputs + 1)
    if not made.encoder_decoder:
        assert shares_to_scores({"self": over_input}, encoding) == pytest.approx(over_input)
        return
    if made.task == "embedding":
        assert shares_to_scores({"encoder": over_input}, encoding) == pytest.approx(over_input)
        return
    prefix = len(encoding.tokens) - inputs
    decoder = 100.0 + np.arange(prefix or (inputs if encoding.mirrored else 1))
    found = shares_to_scores({"encoder": over_input, "cross": 2 * over_input, "decoder": decoder}, encoding)
    if encoding.has_prefix:
        expected = [*(3 * over_input), *decoder]
    elif encoding.mirrored:
        expected = [3 * value + (decoder[place + 1] if place + 1 < inputs else 0) for place, value in enumerate(over_input)]
    else:
        expected = list(3 * over_input)
    assert found == pytest.approx(np.array(expected))
