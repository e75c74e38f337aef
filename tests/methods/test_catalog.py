"""Methods by name: the contract of their names, how they are made, and methods of one's own."""

from __future__ import annotations

from typing import Any

import pytest

from explain import METHODS, InputError, UnknownMethodError
from explain.methods.attention import AttentionWeights
from explain.methods.catalog import add_method, make_methods, method_class
from explain.methods.integrated_gradients import Baseline, IntegratedGradients
from explain.methods.lrp import LRP


def test_method_names_are_a_contract() -> None:
    names = [method.name for method in METHODS.values()]
    assert names == list(METHODS)
    contract = "attention attention_rollout attention_flow value_zeroing head_ablation layer_ablation input_x_gradient"
    assert set(f"{contract} integrated_gradients shap lrp occlusion".split()) <= set(names)
    assert len(set(names)) == len(names)
    assert all(method_class(name).name == name for name in names)


def test_methods_are_made_from_names_options_and_themselves() -> None:
    own = AttentionWeights(layer=1)
    found = make_methods(["integrated_gradients", own], {"integrated_gradients": {"baseline": "pad", "steps": 30}})
    assert found == (IntegratedGradients(baseline=Baseline.PAD, steps=30), own)
    assert make_methods("lrp") == (method_class("lrp")(),)


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        (["lime"], {}, UnknownMethodError, "The method 'lime' is not known. Choose from: attention, "),
        ([], {}, InputError, "No method was chosen"),
        (["lrp", "lrp"], {}, InputError, "The method lrp was given twice"),
        (["lrp"], {"attention": {"layer": 1}}, InputError, "Options were given for attention, which was not chosen. Chosen: lrp."),
        (["lrp"], {"lime": {}}, UnknownMethodError, "The method 'lime' is not known"),
        (["attention"], {"attention": {"layer": -1}}, InputError, "attention: option layer must be at least 0, got -1."),
    ],
)
def test_wrong_methods_are_refused(given: list[str], options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        make_methods(given, options)
    assert message in str(caught.value)


def test_a_method_of_ones_own_gets_a_name_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(LRP):
        name = "other"

    class Impostor(LRP):
        name = "lrp"

    for name in list(METHODS):
        monkeypatch.setitem(METHODS, name, METHODS[name])  # what is added is taken away again
    monkeypatch.setitem(METHODS, "other", Other)
    del METHODS["other"]
    add_method(Other)
    add_method(Other)
    assert make_methods("other") == (Other(),)
    with pytest.raises(InputError, match="There is a method 'lrp' already"):
        add_method(Impostor)
    assert method_class("lrp") is LRP
