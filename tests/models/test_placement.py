"""A model that accelerate has taken apart is explained as if it were whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import disk_offload
from transformers import AutoTokenizer, BertForSequenceClassification

from explain import TokenExplainer
from explain.models import loading
from explain.models.bundled import bundled_folder
from explain.models.quiet import quiet


def load() -> BertForSequenceClassification:
    with quiet():
        return BertForSequenceClassification.from_pretrained(bundled_folder("bert-mini"), dtype=torch.float32)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weights_on_disk_give_the_same_scores(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(bundled_folder("bert-mini"))
    methods = ["attention", "input_x_gradient", "lrp", "occlusion"]
    text = "A delight, not a mess."
    whole = TokenExplainer(load(), tokenizer).analyze(text, methods)
    apart = load()
    disk_offload(apart, str(tmp_path), execution_device=torch.device("cpu"))
    assert next(apart.parameters()).device.type == "meta"
    spread = TokenExplainer(apart, tokenizer).analyze(text, methods)
    for method in methods:
        np.testing.assert_allclose(spread[method].scores, whole[method].scores, atol=1e-6, err_msg=method)


def test_without_accelerator_everything_is_float32_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert loading.placement(tmp_path) == {"dtype": torch.float32}


@pytest.mark.parametrize(("free", "dtype"), [(10_000, torch.float32), (1_500, "auto")])
def test_with_an_accelerator_accelerate_places_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, dtype: torch.dtype | str
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"x" * 1_000)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(loading, "get_max_memory", lambda: {0: free, "cpu": 10**9})
    assert loading.placement(tmp_path) == {"device_map": "auto", "dtype": dtype}


def test_a_device_or_a_way_of_spreading_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"x" * 1_000)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(loading, "get_max_memory", lambda: {0: 10_000, 1: 1_000, "cpu": 10**9})
    assert loading.placement(tmp_path, "cuda:0") == {"device_map": "cuda:0", "dtype": torch.float32}
    assert loading.placement(tmp_path, "cuda:1") == {"device_map": "cuda:1", "dtype": "auto"}
    assert loading.placement(tmp_path, "cpu") == {"device_map": "cpu", "dtype": torch.float32}
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert loading.placement(tmp_path, "auto") == {"device_map": "auto", "dtype": torch.float32}


def test_a_model_that_was_spread_gives_the_same_scores() -> None:
    whole, spread = (TokenExplainer(loading.load_model("bert-mini", task="classification", device_map=where)) for where in (None, "auto"))
    assert spread.model.model is not whole.model.model
    scores = [explainer.analyze("A delight, not a mess.", ["lrp"])["lrp"].scores for explainer in (whole, spread)]
    np.testing.assert_allclose(*scores, rtol=0, atol=1e-6)
