"""LRP: whole models by hand, the ledger on every family, and what the conservative variant conserves."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
import torch
from relevance_by_hand import bert_by_hand, llama_by_hand
from zoo import FAMILIES, tiny

from explain.methods.lrp import LRP
from explain.methods.lrp_rules import Variant

# These take norms or rotations in float32 whatever the model's own precision.
SINGLE_INSIDE = ("llama", "qwen2", "modernbert")


@pytest.mark.parametrize("variant", list(Variant))
@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_ledger_closes(name: str, double: bool, variant: Variant) -> None:
    made = tiny(name)
    if double:
        made.model.double()
    with made.explainer() as explainer:
        found = LRP(variant=variant).attribute(explainer.ask(made.text).scores[0])
    account = found.maps["ledger"]
    assert account[0] == pytest.approx(found.scores.sum(), abs=1e-12)
    # A float32 copy of float64 states is rounded on the way forward, which the ledger sees as a gap.
    tolerance = 1e-5 if not double else 1e-6 if name.startswith(SINGLE_INSIDE) else 1e-12
    assert abs(account.sum() - found.output) <= tolerance * max(1.0, float(np.abs(account).max()))
    assert found.gap is not None
    assert found.gap <= 10 * tolerance
    if variant is Variant.CONSERVATIVE and name != "t5-labels":
        assert account[2] == 0.0


@pytest.mark.parametrize(
    "name", ["bert-class", "distilbert-class", "roberta-class", "gpt2-class", "llama-next", "t5-span", "t5-generation"]
)
def test_without_constants_the_conservative_variant_conserves(name: str) -> None:
    made = tiny(name)
    for key, parameter in made.model.named_parameters():
        if key.endswith("bias") or any(part in key for part in ("position_emb", "wpe", "token_type")):
            parameter.data.zero_()
    explainer = made.explainer()
    more = {"step": 0} if explainer.model.task.sequence else {}
    found = explainer.analyze(made.text, [LRP(variant=Variant.CONSERVATIVE)], unit="logit", **more)["lrp"]
    explainer.close()
    assert found.scores.sum() == pytest.approx(found.output, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("variant", list(Variant))
@pytest.mark.parametrize(
    ("name", "by_hand", "tolerance"),
    [("bert-class", bert_by_hand, 1e-10), ("llama-next", llama_by_hand, 1e-5)],  # a Llama's norms and rotations are float32
)
def test_whole_models_by_hand(name: str, by_hand: Any, tolerance: float, variant: Variant) -> None:
    made = tiny(name)
    made.model.double()
    with torch.no_grad():
        for key, parameter in made.model.named_parameters():
            if parameter.dim() == 1:  # biases and scales that do something
                parameter.add_(torch.linspace(-0.3, 0.3, len(parameter), dtype=torch.float64).roll(len(key)))
    with made.explainer() as explainer:
        found = explainer.analyze(made.text, [LRP(variant=variant)], unit="logit", target=1 if "class" in name else None)["lrp"]
    ids = [token.id for token in found.tokens]
    score, relevance_by_hand, layers = by_hand(made.model, ids, found.target.index, variant)
    size = np.abs(layers).max()
    assert found.output == pytest.approx(score, abs=tolerance * max(1.0, abs(score)))
    np.testing.assert_allclose(found.scores, relevance_by_hand, atol=tolerance * size)
    np.testing.assert_allclose(found.maps["layers_self"], layers, atol=tolerance * size)
    assert np.abs(relevance_by_hand).max() > 1e-3 * size


@pytest.mark.parametrize("name", [name for name in FAMILIES if "embed" not in name])
def test_the_ledger_closes_on_contrasts_in_every_unit(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        task = explainer.model.task
        foil = "was it" if task.sequence else explainer.ask(made.text).prediction.candidates[-1].index
        for unit in task.units:
            for other in (None, foil):
                score = explainer.ask(made.text, unit=unit, foil=other).scores[0]
                found = LRP().attribute(score)
                account = found.maps["ledger"]
                assert account.shape == (4,)
                assert abs(account.sum() - found.output) <= 1e-5 * max(1.0, float(np.abs(account).max()))
                assert found.output == pytest.approx(score.anew().value(), abs=1e-5)
                assert (found.unit, found.foil is None) == (unit, other is None)


@pytest.mark.parametrize("name", ["bert-class", "roberta-class", "gpt2-class", "llama-next", "t5-class"])
def test_without_constants_every_layer_holds_the_whole_score(name: str) -> None:
    """Conservative variant, no biases, no position or type embeddings: nothing is lost anywhere on the way."""
    made = tiny(name)
    for key, parameter in made.model.named_parameters():
        if key.endswith("bias") or any(part in key for part in ("position_emb", "wpe", "token_type")):
            parameter.data.zero_()
    with made.explainer() as explainer:
        found = explainer.analyze(made.text, [LRP(variant=Variant.CONSERVATIVE)], unit="logit")["lrp"]
    layers = {key: value for key, value in found.maps.items() if key.startswith("layers_")}
    assert list(layers) == (["layers_encoder", "layers_decoder"] if "t5" in name else ["layers_self"])
    for key, values in layers.items():
        assert values.shape == (2, len(found.tokens))
        if key == "layers_self":
            np.testing.assert_allclose(values.sum(1), found.output, rtol=1e-4)
        elif key == "layers_decoder":
            assert values[-1].sum() == pytest.approx(found.output, rel=1e-4)


def test_a_pass_leaves_nothing_that_waits_for_the_garbage_collector() -> None:
    def tensors() -> int:
        return sum(type(kept) is torch.Tensor for kept in gc.get_objects())

    with tiny("bert-class").explainer() as explainer:
        score = explainer.ask("the film was good").scores[0]
        LRP().attribute(score)
        gc.collect()
        gc.disable()
        try:
            before = tensors()
            LRP().attribute(score)
            assert tensors() == before
        finally:
            gc.enable()
