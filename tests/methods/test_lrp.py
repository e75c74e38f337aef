"""LRP: every rule against its formula, the ledger on every family, the conservative variant, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch
from families import FAMILIES, HIDDEN_ATTENTION, tiny
from torch.nn import functional

from explain import InputError, UnsupportedError
from explain.methods.input_x_gradient import InputXGradient
from explain.methods.lrp import LRP
from explain.methods.lrp_rules import AttentionRule, Ledger, Variant, identity_norm, identity_rms_norm, identity_rule, rules, scaled
from explain.models.architectures import AttentionSite
from explain.models.instrumentation import instrument
from explain.types import Array

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


def test_scaling_touches_the_gradient_only() -> None:
    given = torch.randn(4, dtype=torch.float64, requires_grad=True)
    assert torch.equal(scaled(given, 0.25), given)
    (gradient,) = torch.autograd.grad(scaled(given, 0.25).sum(), given)
    assert torch.equal(gradient, torch.full((4,), 0.25, dtype=torch.float64))


@pytest.mark.parametrize("variant", list(Variant))
def test_one_attention_layer_by_hand(variant: Variant) -> None:
    """Uniform rule: half of the output's relevance to the values, half to the weights, of which softmax's Taylor share to q and k."""
    generator = torch.Generator().manual_seed(1)
    query, key, value = (torch.randn(1, 1, 3, 2, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(3))
    site, rule = AttentionSite("self", 0), AttentionRule(variant, Ledger())
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


@pytest.mark.parametrize("variant", list(Variant))
@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_ledger_closes(name: str, double: bool, variant: Variant) -> None:
    made = tiny(name)
    if double:
        made.model.double()
    explainer = made.explainer()
    analysis = explainer.ask(made.text, step=0 if explainer.model.task.sequence else None)
    found = LRP(variant=variant).attribute(explainer.model, analysis.questions[0])
    explainer.close()
    account = found.maps["ledger"]
    assert account[0] == pytest.approx(found.scores.sum(), abs=1e-12)
    exact = double and not name.startswith(SINGLE_INSIDE)
    tolerance = 1e-12 if exact else 1e-5
    assert abs(account.sum() - found.output) <= tolerance * max(1.0, float(np.abs(account).max()))
    assert found.gap is not None
    assert found.gap <= 10 * tolerance
    if variant is Variant.CONSERVATIVE and name != "t5-labels":
        assert account[2] == 0.0


@pytest.mark.parametrize("unit", ["logit", "log_probability", "probability"])
def test_the_ledger_closes_in_every_unit(unit: str) -> None:
    for name in ("bert-masked", "gpt2-next", "bert-class", "t5-labels"):
        made = tiny(name)
        explainer = made.explainer()
        found = explainer.analyze(made.text, ["lrp"], unit=unit)["lrp"]
        assert found.gap is not None
        assert found.gap < 1e-5, (name, unit)
        explainer.close()


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


def test_layers_hand_the_relevance_down() -> None:
    made = tiny("bert-class")
    explainer = made.explainer()
    found = explainer.analyze(made.text, ["lrp"])["lrp"]
    layers = found.maps["layers_self"]
    assert layers.shape == (2, len(found.tokens))
    assert np.count_nonzero(layers[-1]) == 1  # the head reads [CLS] alone
    explainer.close()


def test_gradients_are_plain_again_afterwards() -> None:
    made = tiny("gpt2-next")
    explainer = made.explainer()
    before = explainer.analyze(made.text, ["input_x_gradient"])["input_x_gradient"].scores
    relevance_scores = explainer.analyze(made.text, ["lrp"])["lrp"].scores
    after = explainer.analyze(made.text, ["input_x_gradient"])["input_x_gradient"].scores
    assert np.array_equal(before, after)
    assert not np.allclose(before, relevance_scores, atol=1e-3)
    explainer.close()


def test_a_model_that_hides_its_attention_is_refused() -> None:
    made = tiny(next(iter(HIDDEN_ATTENTION)))
    explainer = made.explainer()
    with pytest.raises(UnsupportedError, match="does not send it through transformers' attention interface"):
        explainer.analyze(made.text, ["lrp"])
    explainer.analyze(made.text, ["input_x_gradient", "occlusion"])
    explainer.close()


def _share(parts: Array, total: Array, relevance_of_total: Array) -> Array:
    """Epsilon rule with epsilon 0: parts [..., i, j] of totals [..., j] get relevance in proportion; [..., i]."""
    return (parts * (relevance_of_total / total)[..., None, :]).sum(-1)


class ByHand:
    """The relevance of one text, handed down through stored activations with numpy, product by product, in float64."""

    def __init__(self, model: Any, variant: Variant) -> None:
        self.weights = {key: value.detach().numpy() for key, value in model.state_dict().items()}
        self.config = model.config
        self.variant = variant

    def linear(self, name: str, given: Array) -> tuple[Array, Callable[[Array], Array]]:
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias", 0.0)
        out = given @ weight.T + bias
        return out, lambda r: _share(given[..., :, None] * weight.T, out, r)

    def norm(self, name: str, given: Array) -> tuple[Array, Callable[[Array], Array]]:
        """LayerNorm, or RMSNorm where there is no bias; either way a linear map once its scale is fixed."""
        size = given.shape[-1]
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
        centre = np.eye(size) if bias is None else np.eye(size) - 1 / size
        eps = self.config.rms_norm_eps if bias is None else self.config.layer_norm_eps
        scale = 1 / np.sqrt(((given @ centre) ** 2).mean(-1, keepdims=True) + eps)
        matrix = centre * weight  # [i, j]
        out = given @ matrix * scale + (0.0 if bias is None else bias)
        return out, lambda r: _share(given[..., :, None] * matrix * scale[..., None], out, r)

    def attention(self, query: Array, key: Array, value: Array, *, causal: bool) -> tuple[Array, Callable[[Array], tuple[Array, ...]]]:
        """Heads first [heads, n, d]; the uniform rule for both products, Taylor for the softmax."""
        scale = query.shape[-1] ** -0.5
        products = query[:, :, None, :] * key[:, None, :, :] * scale  # [h, i, j, d]
        scores = products.sum(-1)
        reach = np.tril(np.ones(scores.shape[1:])) if causal else np.ones(scores.shape[1:])
        exponents = np.exp(scores - scores.max(-1, keepdims=True)) * reach
        weights = exponents / exponents.sum(-1, keepdims=True)
        terms = weights[..., None] * value[:, None, :, :]  # [h, i, j, d]
        out = terms.sum(2)

        def down(r: Array) -> tuple[Array, ...]:
            flow = terms * (r / out)[:, :, None, :]
            if self.variant is Variant.CONSERVATIVE:
                return np.zeros_like(query), np.zeros_like(key), flow.sum(1)
            to_weights = flow.sum(-1) / 2
            to_scores = scores * (to_weights - weights * to_weights.sum(-1, keepdims=True))
            each = products / scores[..., None] * to_scores[..., None] / 2
            return each.sum(2), each.sum(1), flow.sum(1) / 2

        return out, down

    def heads(self, states: Array, count: int) -> Array:
        return states.reshape(len(states), count, -1).swapaxes(0, 1)


def _joined(heads: Array) -> Array:
    return heads.swapaxes(0, 1).reshape(heads.shape[1], -1)


def bert_by_hand(model: Any, ids: list[int], target: int, variant: Variant) -> tuple[float, Array, Array]:
    """Logit of BertForSequenceClassification, relevance of each word embedding, and after every layer [layers, tokens]."""
    hand = ByHand(model, variant)
    table = hand.weights
    words = table["bert.embeddings.word_embeddings.weight"][ids]
    positions = table["bert.embeddings.position_embeddings.weight"][: len(ids)]
    summed = words + positions + table["bert.embeddings.token_type_embeddings.weight"][0]
    states, from_norm = hand.norm("bert.embeddings.LayerNorm", summed)
    steps: list[Callable[[Array], Array]] = []
    for layer in range(model.config.num_hidden_layers):
        states, step = _bert_layer(hand, f"bert.encoder.layer.{layer}", states)
        steps.append(step)
    pooled, from_pooler = hand.linear("bert.pooler.dense", states[:1])
    logits, from_head = hand.linear("classifier", np.tanh(pooled))
    relevance = np.zeros_like(logits)
    relevance[0, target] = logits[0, target]
    down = np.zeros_like(states)
    down[:1] = from_pooler(from_head(relevance))
    after = []
    for step in reversed(steps):
        after.append(down.sum(-1))
        down = step(down)
    return float(logits[0, target]), (words * (from_norm(down) / summed)).sum(-1), np.stack(after[::-1])


def _bert_layer(hand: ByHand, name: str, given: Array) -> tuple[Array, Callable[[Array], Array]]:
    count = hand.config.num_attention_heads
    (query, from_query), (key, from_key), (value, from_value) = (
        hand.linear(f"{name}.attention.self.{part}", given) for part in ("query", "key", "value")
    )
    mixed, from_mixed = hand.attention(*(hand.heads(part, count) for part in (query, key, value)), causal=False)
    attended, from_attended = hand.linear(f"{name}.attention.output.dense", _joined(mixed))
    middle = given + attended
    normal, from_first_norm = hand.norm(f"{name}.attention.output.LayerNorm", middle)
    wide, from_wide = hand.linear(f"{name}.intermediate.dense", normal)
    active = functional.gelu(torch.from_numpy(wide)).numpy()
    narrow, from_narrow = hand.linear(f"{name}.output.dense", active)
    last = normal + narrow
    out, from_last_norm = hand.norm(f"{name}.output.LayerNorm", last)

    def down(r: Array) -> Array:
        r = from_last_norm(r)
        r = r * normal / last + from_wide(from_narrow(r * narrow / last))  # the activation hands on what it gets
        r = from_first_norm(r)
        to_query, to_key, to_value = from_mixed(hand.heads(from_attended(r * attended / middle), count))
        return r * given / middle + from_query(_joined(to_query)) + from_key(_joined(to_key)) + from_value(_joined(to_value))

    return out, down


def llama_by_hand(model: Any, ids: list[int], target: int, variant: Variant) -> tuple[float, Array, Array]:
    """The same for a Llama's logit after the last token: RMSNorm, rotation, shared keys and values, gated MLP, causal."""
    hand = ByHand(model, variant)
    given = states = hand.weights["model.embed_tokens.weight"][ids]
    steps: list[Callable[[Array], Array]] = []
    for layer in range(model.config.num_hidden_layers):
        states, step = _llama_layer(hand, f"model.layers.{layer}", states)
        steps.append(step)
    normal, from_norm = hand.norm("model.norm", states)
    logits, from_head = hand.linear("lm_head", normal[-1:])
    relevance = np.zeros_like(logits)
    relevance[0, target] = logits[0, target]
    down = np.zeros_like(given)
    down[-1:] = from_head(relevance)
    down = from_norm(down)
    after = []
    for step in reversed(steps):
        after.append(down.sum(-1))
        down = step(down)
    return float(logits[0, target]), down.sum(-1), np.stack(after[::-1])


def _rotation(length: int, size: int, theta: float) -> Array:
    """Matrices [n, i, j] with which `states @ matrix` are rotated by position."""
    matrices = np.zeros((length, size, size))
    half = size // 2
    for position in range(length):
        for i in range(half):
            angle = position * theta ** (-2 * i / size)
            matrices[position, i, i] = matrices[position, i + half, i + half] = np.cos(angle)
            matrices[position, i, i + half], matrices[position, i + half, i] = np.sin(angle), -np.sin(angle)
    return matrices


def _llama_layer(hand: ByHand, name: str, given: Array) -> tuple[Array, Callable[[Array], Array]]:
    config = hand.config
    count, kept = config.num_attention_heads, config.num_key_value_heads
    normal, from_first_norm = hand.norm(f"{name}.input_layernorm", given)
    (query, from_query), (key, from_key), (value, from_value) = (
        hand.linear(f"{name}.self_attn.{part}_proj", normal) for part in ("q", "k", "v")
    )
    rotation = _rotation(len(given), config.hidden_size // count, config.rope_parameters["rope_theta"])
    query, key, value = hand.heads(query, count), hand.heads(key, kept), hand.heads(value, kept)
    turned_query, turned_key = (np.einsum("hni,nij->hnj", part, rotation) for part in (query, key))
    shared_key, shared_value = (part.repeat(count // kept, axis=0) for part in (turned_key, value))
    mixed, from_mixed = hand.attention(turned_query, shared_key, shared_value, causal=True)
    attended, from_attended = hand.linear(f"{name}.self_attn.o_proj", _joined(mixed))
    middle = given + attended
    second, from_second_norm = hand.norm(f"{name}.post_attention_layernorm", middle)
    gate, from_gate = hand.linear(f"{name}.mlp.gate_proj", second)
    up, from_up = hand.linear(f"{name}.mlp.up_proj", second)
    narrow, from_narrow = hand.linear(f"{name}.mlp.down_proj", gate / (1 + np.exp(-gate)) * up)
    out = middle + narrow

    def turned_back(part: Array, turned: Array, r: Array) -> Array:
        return _joined(_share(part[..., :, None] * rotation, turned, r))

    def of_shared(r: Array) -> Array:
        return r.reshape(kept, count // kept, *r.shape[1:]).sum(1)

    def down(r: Array) -> Array:
        product = from_narrow(r * narrow / out) / 2  # half to the activation, half to the gate
        r = r * middle / out + from_second_norm(from_gate(product) + from_up(product))
        to_query, to_key, to_value = from_mixed(hand.heads(from_attended(r * attended / middle), count))
        inner = from_query(turned_back(query, turned_query, to_query)) + from_key(turned_back(key, turned_key, of_shared(to_key)))
        return r * given / middle + from_first_norm(inner + from_value(_joined(of_shared(to_value))))

    return out, down


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


@pytest.mark.parametrize("name", ["bert-class", "gpt2-next", "llama-next", "t5-span"])
def test_gradients_and_relevance_in_other_threads_are_their_own(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        question = explainer.ask(made.text, step=0 if explainer.model.task.sequence else None).questions[0]
        methods = [LRP(), InputXGradient(), LRP(variant=Variant.CONSERVATIVE), InputXGradient()]
        serial = [method.attribute(explainer.model, question).scores for method in methods]
        assert not np.allclose(serial[0], serial[1], atol=1e-4)
        assert not np.allclose(serial[0], serial[2], atol=1e-4)
        together = Barrier(4)

        def work(number: int) -> bool:
            torch.set_num_threads(1)
            together.wait()
            return all(np.array_equal(methods[number].attribute(explainer.model, question).scores, serial[number]) for _ in range(6))

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(work, range(4)))


@pytest.mark.parametrize("name", ["llama-next", "qwen2-next", "modernbert-masked", "modernbert-class"])
def test_float32_inside_costs_no_more_than_its_precision(name: str) -> None:
    """The norm's or the rotation's float32 copy of float64 states is rounded on the way forward, which the ledger sees as a gap."""
    made = tiny(name)
    made.model.double()
    with made.explainer() as explainer:
        found = explainer.analyze(made.text, ["lrp"])["lrp"]
    account = found.maps["ledger"]
    assert abs(account.sum() - found.output) <= 1e-6 * max(1.0, float(np.abs(account).max()))


@pytest.mark.parametrize("unit", ["logit", "log_probability", "probability"])
@pytest.mark.parametrize("name", [name for name in FAMILIES if "embed" not in name])
def test_the_ledger_closes_on_contrasts_in_every_unit(name: str, unit: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        if unit not in set(explainer.model.task.units):
            with pytest.raises(InputError, match="is not known for"):
                explainer.analyze(made.text, ["lrp"], unit=unit)
            return
        candidates = explainer.ask(made.text).prediction.candidates
        foil = candidates[-1].index if not explainer.model.task.sequence else "was it"
        found = explainer.analyze(made.text, ["lrp"], unit=unit, foil=foil)["lrp"]
    account = found.maps["ledger"]
    assert account.shape == (4,)
    assert abs(account.sum() - found.output) <= 1e-5 * max(1.0, float(np.abs(account).max()))
    assert found.foil is not None


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
