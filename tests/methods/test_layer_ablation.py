"""Layer ablation against layers left out by plain hooks, on every family."""

from __future__ import annotations

import numpy as np
import pytest
from cases import Case
from hooks import answer, without_layers
from zoo import tiny

from explain import UnsupportedError
from explain.methods import layer_ablation
from explain.methods.layer_ablation import LayerAblation, layer_effects
from explain.methods.shares import attention_shares


def test_every_skipped_layer_equals_a_plain_hook(exact: Case) -> None:
    score = exact.score()
    result = layer_effects(score)
    base = answer(score)
    tolerance = 1e-6 if exact.made.name.startswith("t5") else 1e-10
    assert set(result.effect) == set(score.trace.sites) - {"cross"}
    for stack, effects in result.effect.items():
        for layer, effect in enumerate(effects):
            block = exact.model.instruments.architecture.blocks[stack][layer]
            off = without_layers([block], lambda: answer(score))
            assert effect == pytest.approx(base[0] - off[0], abs=tolerance * max(1, abs(base[0])))
            assert result.flips[stack][layer] == (base[2] != off[2])
            if result.probability is not None:
                assert result.probability_effect[stack][layer] == pytest.approx(base[1] - off[1], abs=tolerance)


def test_it_does_not_matter_which_layers_share_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    made = tiny("gpt2-next", deep=True)
    made.model.double()
    with made.explainer() as explainer:
        score = explainer.ask(made.text).scores[0]
        found = []
        for at_once in (3, 2, 1):
            monkeypatch.setattr(layer_ablation, "AT_ONCE", at_once)
            counted = score.recounted()
            found.append(layer_effects(counted).effect["self"])
            assert counted.passes == 1 + 3
    assert np.abs(found[0]).min() > 1e-6
    assert np.stack(found[1:]) == pytest.approx(np.stack(found[:1] * 2), abs=1e-12)


def test_scores_are_effects_times_attention_from_the_explained_position(case: Case) -> None:
    score = case.score()
    found = LayerAblation().attribute(score)
    shares = attention_shares(score.trace, score.read_positions())
    expected = np.zeros(len(score.encoding.tokens))
    inputs = score.encoding.input_length
    for stack, effects in layer_effects(score).effect.items():
        assert found.maps[f"effect_{stack}"] == pytest.approx(effects, abs=1e-6)
        for layer, effect in enumerate(effects):
            if stack != "decoder":
                expected[:inputs] += effect * shares[stack][layer].mean(0)
                continue
            expected[:inputs] += effect / 2 * shares["cross"][layer].mean(0)
            row = effect / 2 * shares["decoder"][layer].mean(0)
            if score.encoding.has_prefix:
                expected[inputs:] += row
            elif score.encoding.mirrored:
                expected[: len(row) - 1] += row[1:]
    assert found.scores == pytest.approx(expected, abs=1e-5)
    assert found.scores.any()


def test_shared_layers_cannot_be_skipped() -> None:
    made = tiny("albert-masked")
    with made.explainer() as explainer, pytest.raises(UnsupportedError, match="one layer at every depth"):
        explainer.analyze(made.text, ["layer_ablation"])


def test_a_decoder_that_runs_several_times_skips_the_layer_each_time() -> None:
    """Label words of two pieces: what entered a layer differs from call to call."""
    made = tiny("t5-labels", deep=True)
    made.model.double()
    with made.explainer(labels=("very good", "bad plot"), prefix="") as explainer:
        score = explainer.ask(made.text).scores[0]
        assert len(score.trace.layers.inputs["decoder", 0]) == 2
        base = answer(score)
        for stack, effects in layer_effects(score).effect.items():
            for layer, effect in enumerate(effects):
                off = without_layers([explainer.model.instruments.architecture.blocks[stack][layer]], lambda: answer(score))
                assert effect == pytest.approx(base[0] - off[0], abs=1e-6)
