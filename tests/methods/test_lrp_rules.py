"""LRP's rules, each against its formula, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional
from zoo import FAMILIES, tiny

from explain.methods.lrp_ledger import Ledger
from explain.methods.lrp_operations import Operations
from explain.methods.lrp_propagation import AttentionRule, rules
from explain.methods.lrp_rules import Variant, identity_norm, identity_rms_norm, identity_rule
from explain.models.architectures import AttentionSite
from explain.models.instrumentation import instrument

# These take norms or rotations in float32 whatever the model's own precision.
SINGLE_INSIDE = ("llama", "qwen2", "modernbert")


def relevance(output: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    (gradient,) = torch.autograd.grad(output.sum(), given)
    return gradient * given


@pytest.mark.parametrize("function", [functional.gelu, functional.silu, torch.tanh, torch.relu])
def test_activations_hand_their_output_on_unchanged(function: torch.nn.Module) -> None:
    given = torch.linspace(-3, 3, 31, dtype=torch.float64).requires_grad_()
    output = identity_rule(given, function(given))
    torch.testing.assert_close(output, function(given), atol=1e-15, rtol=0)
    torch.testing.assert_close(relevance(output, given), function(given), atol=1e-15, rtol=0)


def test_norms_hand_on_what_they_would_with_a_fixed_scale() -> None:
    generator = torch.Generator().manual_seed(0)
    given, weight, bias = (torch.randn(n, 8, dtype=torch.float64, generator=generator) for n in (3, 1, 1))
    weight, bias = weight[0], bias[0]
    given.requires_grad_()
    layer = identity_norm(given, (8,), weight, bias, 1e-5)
    torch.testing.assert_close(layer, functional.layer_norm(given, (8,), weight, bias, 1e-5))
    torch.testing.assert_close(relevance(layer, given).sum(-1), (layer - bias).sum(-1), atol=1e-12, rtol=0)
    for row in range(3):
        scale = 1 / np.sqrt(given[row].var(unbiased=False).item() + 1e-5)
        by_hand = [given[row, i].item() * scale * (weight[i].item() - weight.mean().item()) for i in range(8)]
        np.testing.assert_allclose(relevance(identity_norm(given, (8,), weight, bias, 1e-5), given)[row].detach(), by_hand, atol=1e-12)
    rms = identity_rms_norm(given, (8,), weight, 1e-6)
    torch.testing.assert_close(rms, functional.rms_norm(given, (8,), weight, 1e-6))
    torch.testing.assert_close(relevance(rms, given), rms.detach(), atol=1e-12, rtol=0)


@pytest.mark.parametrize("variant", list(Variant))
def test_one_attention_layer_by_hand(variant: Variant) -> None:
    """Uniform rule: half of the output's relevance to the values, half to the weights, of which softmax's Taylor share to q and k."""
    generator = torch.Generator().manual_seed(1)
    query, key, value = (torch.randn(1, 1, 3, 2, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(3))
    ledger = Ledger()
    site, rule = AttentionSite("self", 0), AttentionRule(variant, ledger)
    with Operations(variant, ledger, frozenset(), keep=True):
        q, k, v = rule.inputs(site, query, key, value)
        weights = rule.weights(site, rule.scores(site, q @ k.transpose(-1, -2)).softmax(-1))
        output = weights @ v
    found = torch.autograd.grad(output.sum(), [query, key, value], allow_unused=True)

    a, s = weights[0, 0].detach().numpy(), (query @ key.transpose(-1, -2))[0, 0].detach().numpy()
    qn, kn, vn = (t[0, 0].detach().numpy() for t in (query, key, value))
    conservative = variant is Variant.CONSERVATIVE
    to_value, to_query, to_key = np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 2))
    for i in range(3):
        for j in range(3):
            to_value[j] += a[i, j] * vn[j] * (1.0 if conservative else 0.5)
            if conservative:
                continue
            # gradient of sum(output) with respect to score (i, j), through softmax
            slope = a[i, j] * (vn[j].sum() - sum(a[i, m] * vn[m].sum() for m in range(3)))
            share = 0.5 * s[i, j] * slope  # Taylor relevance of the score
            for d in range(2):
                product = qn[i, d] * kn[j, d]
                to_query[i, d] += 0.5 * share * product / s[i, j]
                to_key[j, d] += 0.5 * share * product / s[i, j]
    expected = (to_query, to_key, to_value)
    for given, gradient, hand in zip((query, key, value), found, expected, strict=True):
        got = np.zeros((3, 2)) if gradient is None else (given * gradient)[0, 0].detach().numpy()
        np.testing.assert_allclose(got, hand, atol=1e-12)


def test_where_an_activation_gets_nothing_it_hands_nothing_down() -> None:
    given = torch.tensor([-2.0, 0.0, 3.0], dtype=torch.float64, requires_grad=True)
    for function in (torch.relu, functional.gelu, torch.tanh, torch.sigmoid):
        output = identity_rule(given, function(given))
        torch.testing.assert_close(output, function(given), atol=1e-15, rtol=0)
        expected = function(given).detach() * (given.detach() != 0)
        torch.testing.assert_close(relevance(output, given).detach(), expected, atol=1e-15, rtol=0)


NORMS_AND_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "layer_norm": lambda x: functional.layer_norm(x, (6,)),
    "LayerNorm": lambda x: torch.nn.LayerNorm(6, dtype=torch.float64)(x),
    "rms_norm": lambda x: functional.rms_norm(x, (6,)),
    "RMSNorm": lambda x: torch.nn.RMSNorm(6, dtype=torch.float64)(x),
    "rsqrt": lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True)),
    "Tensor.rsqrt": lambda x: x * x.pow(2).mean(-1, keepdim=True).rsqrt(),
    "gelu": functional.gelu,
    "tanh-gelu": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "functional.relu": functional.relu,
    "torch.relu": torch.relu,
    "Tensor.relu": lambda x: x.relu(),
    "torch.tanh": torch.tanh,
    "Tensor.tanh": lambda x: x.tanh(),
    "torch.sigmoid": torch.sigmoid,
    "Tensor.sigmoid": lambda x: x.sigmoid(),
    "GELU": torch.nn.GELU(),
    "ReLU": torch.nn.ReLU(),
    "SiLU": torch.nn.SiLU(),
}


@pytest.mark.parametrize("kind", NORMS_AND_ACTIVATIONS)
def test_functions_follow_their_rule_within_the_context_and_nowhere_else(kind: str) -> None:
    given = torch.tensor([[-1.5, -0.2, 0.3, 1.1, 2.0, -0.7]], dtype=torch.float64, requires_grad=True)
    read = torch.tensor([0.5, -1.0, 2.0, 0.3, 1.0, -0.4], dtype=torch.float64)

    def function(x: torch.Tensor) -> torch.Tensor:
        return NORMS_AND_ACTIVATIONS[kind](x) * read

    outside = relevance(function(given), given)
    instruments = instrument(tiny("bert-class").model)
    with rules(instruments, Variant.ATTN_LRP, Ledger()):
        output = function(given)
        inside = relevance(output, given)
    torch.testing.assert_close(output, function(given), atol=1e-14, rtol=0)
    expected = output.detach()
    if kind in ("layer_norm", "LayerNorm"):
        expected = given.detach() * (read - read.mean()) / torch.sqrt(given.detach().var(unbiased=False) + 1e-5)
    torch.testing.assert_close(inside.detach(), expected, atol=1e-14, rtol=0)
    if "relu" not in kind.lower():
        assert not torch.allclose(inside, outside, atol=1e-2)
    assert torch.equal(relevance(function(given), given), outside)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_rules_leave_the_forward_pass_as_it_is_and_gradients_once_they_are_over(name: str) -> None:
    made = tiny(name)
    made.model.double()
    tolerance = 1e-6 if name.startswith(SINGLE_INSIDE) else 1e-12
    inputs = made.plain_inputs()
    with made.explainer() as explainer:
        instruments = explainer.model.instruments

        def answer() -> tuple[torch.Tensor, torch.Tensor]:
            at = instruments.architecture.embedding(inputs["input_ids"]).detach().requires_grad_()
            with instruments.embeddings(lambda original: at):
                output = made.model(**inputs)[0]
            return output.detach(), torch.autograd.grad(output.square().sum(), at)[0]

        output, gradient = answer()
        for variant in Variant:
            for keep in (False, True):
                with rules(instruments, variant, Ledger(), keep=keep):
                    under, changed = answer()
                torch.testing.assert_close(under, output, atol=tolerance * max(1.0, float(output.abs().max())), rtol=0)
                assert not torch.allclose(changed, gradient, rtol=1e-2)
        after, plain = answer()
        assert torch.equal(after, output)
        assert torch.equal(plain, gradient)
        explainer.analyze(made.text, ["lrp"])
        assert torch.equal(answer()[1], gradient)
    assert all(parameter.grad is None for parameter in made.model.parameters())
