"""LRP's rules for functions and operators: each by hand, and whole families whose account closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sweep import TASKS, small
from torch import Tensor
from torch.nn import functional
from zoo import TEXT, tokenizer

from explain import TokenExplainer
from explain.methods.lrp import LRP
from explain.methods.lrp_ledger import Ledger
from explain.methods.lrp_operations import Operations
from explain.methods.lrp_rules import Variant, stopped

A = torch.tensor([[0.5, -1.5, 2.0], [1.0, 0.3, -0.7]], dtype=torch.float64)
B = torch.tensor([[1.0, 2.0, -0.5], [0.4, -1.1, 3.0]], dtype=torch.float64)
HALF = {
    "a * b": lambda a, b: a * b,
    "a *= b": lambda a, b: (a * 1).mul_(b),
    "a @ b": lambda a, b: a @ b.T,
    "bmm": lambda a, b: torch.bmm(a[None], b.T[None]),
    "einsum": lambda a, b: torch.einsum("ij,kj->ik", a, b),
}
CONSTANT = torch.tensor([[0.2, -0.4, 1.0]], dtype=torch.float64)
ABSORBS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "a + c": (lambda a: a + CONSTANT, lambda _: CONSTANT.expand(2, 3)),
    "2 - a": (lambda a: 2 - a, lambda _: torch.full((2, 3), 2.0)),
    "a - c": (lambda a: torch.sub(a, CONSTANT, alpha=3), lambda _: -3 * CONSTANT.expand(2, 3)),
    "a += c": (lambda a: (2 * a).add_(CONSTANT), lambda _: CONSTANT.expand(2, 3)),
    "cat": (lambda a: torch.cat([a, CONSTANT]), lambda _: torch.cat([torch.zeros(2, 3), CONSTANT])),
    "where": (lambda a: torch.where(A > 0, a, CONSTANT), lambda _: torch.where(A > 0, 0.0, CONSTANT)),
    "linear": (lambda a: functional.linear(a, B, B[:, 0]), lambda _: B[:, 0].expand(2, 2)),
    "conv1d": (lambda a: functional.conv1d(a[None], torch.ones(3, 2, 1).double(), CONSTANT[0]), lambda _: CONSTANT.T.expand(1, 3, 3)),
    "exp": (lambda a: a.exp(), lambda a: a.exp() * (1 - a)),
    "softplus": (functional.softplus, lambda a: functional.softplus(a) - a * a.sigmoid()),
}


def under(function: Callable[..., Tensor], *given: Tensor) -> tuple[Tensor, list[Any], Ledger]:
    """The output under the rules, the relevance of every input if all of the output counts, and the ledger."""
    ledger = Ledger()
    operations = Operations(Variant.ATTN_LRP, ledger, frozenset(), keep=True)
    leaves = [tensor.clone().requires_grad_() for tensor in given]
    with operations:
        output = function(*leaves)
    found = torch.autograd.grad(output.sum(), leaves, allow_unused=True, retain_graph=True)
    flows = [None if gradient is None else gradient * leaf.detach() for gradient, leaf in zip(found, leaves, strict=True)]
    return output, flows, ledger


@pytest.mark.parametrize("kind", HALF)
def test_a_product_gives_a_half_to_each_factor(kind: str) -> None:
    output, (to_a, to_b), _ = under(HALF[kind], A, B)
    torch.testing.assert_close(output.detach(), HALF[kind](A, B), atol=1e-14, rtol=0)
    for flow, whole in ((to_a, A), (to_b, B)):
        assert float(flow.sum()) == pytest.approx(output.sum().item() / 2, abs=1e-12)
        assert flow.shape == whole.shape
    by_hand = A * B / 2 if "*" in kind else A * B.sum(0) / 2
    torch.testing.assert_close(to_a, by_hand, atol=1e-13, rtol=0)


def test_a_factor_without_relevance_takes_none() -> None:
    for constant in (lambda b: stopped(b).float().double()[:, :], lambda b: torch.rsqrt(b.square()) * 2, lambda b: b.square() ** -0.5):
        output, (to_a, to_b), _ = under(lambda a, b, constant=constant: a * constant(b) + a / b.square(), A, B)
        torch.testing.assert_close(to_a, output.detach(), atol=1e-6, rtol=0)
        assert to_b is None or not to_b.any()
    weight = torch.nn.Parameter(B.clone())
    output, (to_a,), _ = under(lambda a: a * (1 + weight), A)
    torch.testing.assert_close(to_a, output.detach(), atol=1e-14, rtol=0)


def test_three_factors_get_a_third_each_and_a_lone_divisor_all() -> None:
    output, flows, _ = under(lambda a, b, c: torch.einsum("ij,ij,ij->ij", a, b, c), A, B, A + 1)
    for flow in flows:
        torch.testing.assert_close(flow, output.detach() / 3, atol=1e-14, rtol=0)
    output, (flow,), _ = under(lambda a: 3 / a, A)
    torch.testing.assert_close(flow, output.detach(), atol=1e-14, rtol=0)


@pytest.mark.parametrize("kind", ABSORBS)
def test_what_is_not_zero_at_zero_is_absorbed(kind: str) -> None:
    function, absorbed = ABSORBS[kind]
    output, (flow,), ledger = under(function, A)
    wanted = absorbed(A).double()
    noted = float(ledger.absorbed(A)[0])
    for before, after in zip(ledger.scores, ledger.weights, strict=True):
        (slope,) = torch.autograd.grad(after.sum(), before, retain_graph=True)
        noted += (after - before * slope).sum().item()
    assert noted == pytest.approx(float(wanted.sum()), abs=1e-12)
    assert float(flow.sum()) + noted == pytest.approx(output.sum().item(), abs=1e-12)


CLOSED = {
    "next_token": (
        "gpt_oss",
        "qwen2_moe",
        "lfm2",
        "llama4_text",
        "ctrl",
        "mamba",
        "rwkv",
        "bloom",
        "xlm",
        "mpt",
        "inkling_text",
        "lara_mini",
    ),
    "masked_lm": ("deberta-v2", "mpnet", "roformer", "big_bird", "fnet"),
    "generation": ("longt5", "m2m_100"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("task", "family"), [(task, family) for task, families in CLOSED.items() for family in families])
def test_the_account_closes_whatever_a_model_is_made_of(task: str, family: str) -> None:
    if family not in TASKS[task]:
        pytest.skip(f"{family} is younger than this version of transformers")
    text, target = (TEXT.replace("very", "[MASK]"), None) if task == "masked_lm" else (TEXT, "good" if task == "generation" else None)
    with TokenExplainer(small(task, family), tokenizer(opening=True), task=task) as explainer:
        found = explainer.analyze(text, ["lrp"], target=target)["lrp"]
    account = found.maps["ledger"]
    assert abs(account.sum() - found.output) <= 2e-6 * np.abs(account).max()
    assert found.caution == LRP.caution
    assert np.abs(found.scores).max() > 1e-4
