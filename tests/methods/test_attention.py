"""The attention method is a row of what the eager model itself reports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from zoo import FAMILIES, Tiny, tiny

from explain import InputError
from explain.methods.attention import AttentionWeights
from explain.types import Array, Encoding


def read(made: Tiny, encoding: Encoding) -> list[int]:
    """The positions that the head reads, from what each family's code does."""
    if encoding.position is not None:
        return [encoding.position]
    ids = encoding.inputs["input_ids"][0].tolist()
    if made.task == "embedding":
        return list(range(len(ids)))
    if made.encoder_decoder:
        return [ids.index(made.model.config.eos_token_id)]
    return [len(ids) - 1] if made.name.startswith("gpt2") else [0]


def rows(maps: dict[str, Array], encoding: Encoding, positions: list[int], layer: int | None, head: int | None) -> Array:
    chosen = {}
    for group, values in maps.items():
        values = values.mean(0) if layer is None else values[layer]
        values = values.mean(0) if head is None else values[head]
        chosen[group] = values[positions].mean(0) if group in ("self", "decoder", "cross") or "cross" not in maps else values
    if "cross" not in chosen:
        return next(iter(chosen.values()))
    return np.concatenate([chosen["cross"], chosen["decoder"]]) if encoding.has_prefix else chosen["cross"]


@pytest.mark.parametrize("name", FAMILIES)
def test_scores_are_the_row_of_the_eager_model(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        for score in explainer.ask(made.text).scores[-2:]:
            encoding = score.encoding
            maps, positions = made.eager(encoding), read(made, encoding)
            for layer, head in ((None, None), (1, None), (None, 2), (0, 3)):
                found = AttentionWeights(layer=layer, head=head).attribute(score)
                assert list(found.positions) == positions
                assert set(found.maps) == set(maps)
                for group, values in maps.items():
                    np.testing.assert_allclose(found.maps[group], values, atol=1e-5)
                np.testing.assert_allclose(found.scores, rows(maps, encoding, positions, layer, head), atol=1e-5)
                assert found.scores.sum() == pytest.approx(2 if encoding.has_prefix else 1, abs=1e-5)
                assert np.ptp(found.scores) > 1e-4 or len(found.scores) == 1


@pytest.mark.parametrize("name", [name for name, (_, _, task) in FAMILIES.items() if task != "embedding"])
def test_target_blind_methods_do_not_see_the_target(name: str) -> None:
    made = tiny(name)
    methods = ["attention", "attention_rollout", "attention_flow"]
    with made.explainer() as explainer:
        asked: list[dict[str, Any]] = [{"target": 1}, {"target": 0}, {"target": 1, "foil": 0, "unit": "log_probability"}]
        if explainer.model.task.sequence:
            first = explainer.analyze(made.text, methods, step=0)
            asked = [{"step": 0}, {"step": 0, "foil": next(c.index for c in first.prediction.candidates if c != first.target)}]
        found = [explainer.analyze(made.text, methods, **given) for given in asked]
        signed = [explainer.analyze(made.text, ["input_x_gradient"], **given)["input_x_gradient"].scores for given in asked]
    for method in methods:
        assert all(np.array_equal(one[method].scores, found[0][method].scores) for one in found)
        assert all(one[method].target_blind for one in found)
    assert not np.allclose(signed[0], signed[1], atol=1e-6)  # while others do


@pytest.mark.parametrize(("given", "message"), [({"layer": 2}, "layer 2 does not exist: .* has 2"), ({"head": 4}, "head 4 does not exist")])
def test_a_layer_or_head_that_does_not_exist_is_refused(given: dict[str, int], message: str) -> None:
    made = tiny("bert-class")
    with made.explainer() as explainer, pytest.raises(InputError, match=message):
        explainer.analyze(made.text, [AttentionWeights(**given)])
