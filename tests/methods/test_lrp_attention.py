"""Attention as one operation has the relevance, and the account, of attention that is written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from zoo import tiny

from explain.methods.lrp import LRP
from explain.methods.lrp_attention import attention
from explain.methods.lrp_ledger import Ledger
from explain.methods.lrp_operations import Operations
from explain.methods.lrp_rules import Variant


@pytest.mark.parametrize("variant", list(Variant))
@pytest.mark.parametrize("name", ["bert-class", "gpt2-next", "qwen2-next", "t5-class"])
def test_attention_has_the_same_relevance_written_out_or_as_one_operation_seen_or_hidden(name: str, variant: Variant) -> None:
    """The same model, through the interface and by the operations of its own attention functions; the account closes as well."""
    found = []
    for kind, seen in (("eager", True), ("sdpa", True), ("eager", False), ("sdpa", False)):
        made = tiny(name, attention=kind)
        made.model.double()
        with made.explainer() as explainer:
            assert explainer.model.instruments.attention_is_one is (kind == "sdpa" and "t5" not in name)
            if not seen:
                object.__setattr__(explainer.model.instruments.architecture, "sites", {})
            found.append(explainer.analyze(made.text, [LRP(variant=variant)])["lrp"])
    one, whole, *hidden = found
    scale = np.abs(one.maps["ledger"]).max()
    single = 1e-6 if name == "qwen2-next" else 1e-12
    np.testing.assert_allclose(whole.maps["ledger"], one.maps["ledger"], rtol=0, atol=single * scale)
    for other in (whole, *hidden):
        np.testing.assert_allclose(other.scores, one.scores, rtol=0, atol=single * scale)
        assert other.maps["ledger"][1:3].sum() == pytest.approx(one.maps["ledger"][1:3].sum(), abs=1e-6 * scale)
        assert other.gap is not None
        assert other.gap < 1e-6


@pytest.mark.parametrize("carrying", ["q", "k", "v", "qk", "qv", "kv", "qkv"])
@pytest.mark.parametrize("variant", list(Variant))
def test_whatever_carries_relevance(variant: Variant, carrying: str) -> None:
    """With a mask, a scale, and two heads of queries for one of keys and values; rows of a batch have accounts of their own."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"q": (2, 2, 5, 3), "k": (2, 1, 5, 3), "v": (2, 1, 5, 4)}
    given = {name: torch.randn(shape, dtype=torch.float64, generator=generator) for name, shape in shapes.items()}
    for name in carrying:
        given[name].requires_grad_()
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    weight = torch.randn(2, 2, 5, 4, dtype=torch.float64, generator=generator)
    found = []
    for whole in (True, False):
        ledger = Ledger(2)
        if whole:
            output = attention(*given.values(), variant, ledger, keep=True, options={"attn_mask": mask, "scale": 0.7})
        else:
            with Operations(variant, ledger, frozenset(), keep=True):
                query, key, value = given["q"], *(given[name].repeat_interleave(2, 1) for name in "kv")
                scores = (query @ key.transpose(-1, -2) * 0.7).masked_fill(~mask, -torch.inf)
                output = scores.softmax(-1) @ value
        leaves = [given[name] for name in carrying]
        noted = [(ledger.scores, -1), (ledger.weights, 1)]
        inner = [tensor for part, _ in noted for tensor in part]
        gradients = torch.autograd.grad(output, [*leaves, *inner], weight, allow_unused=True)
        softmax = ledger.absorbed(output)[1]
        signs = [sign for part, sign in noted for _ in part]
        for tensor, sign, gradient in zip(inner, signs, gradients[len(leaves) :], strict=True):
            softmax = softmax + sign * (tensor * gradient).nan_to_num(0.0, 0.0, 0.0).sum((1, 2, 3))
        found.append(
            [*(torch.zeros(1) if one is None else one * leaf for one, leaf in zip(gradients, leaves, strict=False)), softmax.detach()]
        )
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other.expand_as(one), rtol=0, atol=1e-12)
    absorbs = variant is Variant.ATTN_LRP and carrying != "v"
    assert (found[0][-1].abs() > 1e-3).all() == absorbs
