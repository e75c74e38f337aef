"""LRP's rules as changes of the backward pass: under them, gradient x input is the relevance.

| operation | rule | backward |
|---|---|---|
| linear layer, residual, rotation | epsilon, epsilon -> 0 | unchanged |
| LayerNorm, RMSNorm | identity | 1/std is a constant |
| activation f | identity | f(x)/x instead of f'(x) |
| query key product | uniform | q and k get a quarter each (a half of the half that weights x values leaves them) |
| softmax | Taylor | unchanged |
| weights x values | uniform | v gets a half |
| activation x gate | uniform | a half |
| router's weight x expert | the weight is a constant | the expert gets all |

The conservative variant (Ali et al., 2022) takes the attention weights as constants instead: q and k get nothing, v all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from explain.methods.lrp_ledger import Backward, Ledger
from explain.models.architectures import AttentionSite
from explain.models.instrumentation import Instruments
from explain.models.probes import AttentionProbe


class Variant(StrEnum):
    """How relevance passes through attention."""

    ATTN_LRP = "attn_lrp"
    CONSERVATIVE = "conservative"


class Ruled(torch.autograd.Function):
    """The output of an operation, whose gradient goes by a rule to what was given or, where the plain one is asked, through it."""

    @staticmethod
    def forward(context: Any, output: Tensor, given: Tensor, rule: Callable[[Tensor], Tensor] | None, backward: Backward) -> Tensor:
        context.rule, context.carried = rule, backward
        return output.view_as(output)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (gradient,) = gradients
        if not context.carried.relevance:
            return gradient, None, None, None
        return None, None if context.rule is None else context.rule(gradient), None, None


ALWAYS = Backward()


def ruled(output: Tensor, given: Tensor, rule: Callable[[Tensor], Tensor] | None, backward: Backward = ALWAYS) -> Tensor:
    """The output; its gradient goes to what was given as the rule says, or not at all."""
    result: Tensor = Ruled.apply(output, given, rule, backward)  # type: ignore[no-untyped-call]
    return result


def scaled(tensor: Tensor, factor: float, backward: Backward = ALWAYS) -> Tensor:
    """The tensor, with its gradient multiplied by a factor."""
    return ruled(tensor, tensor, lambda gradient: gradient * factor, backward)


def identity_rule(given: Tensor, output: Tensor, backward: Backward = ALWAYS) -> Tensor:
    """The output, as given x (output / given) with the ratio constant; where the input is 0 nothing flows."""
    ratio = (output.detach() / given.detach()).nan_to_num_(0.0, 0.0, 0.0)
    return ruled(output, given, lambda gradient: gradient * ratio, backward)


def identity_norm(
    given: Tensor, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float, backward: Backward = ALWAYS
) -> Tensor:
    """Layer normalisation whose standard deviation is a constant."""
    axes = tuple(range(-len(shape), 0))
    output, _, scale = torch.native_layer_norm(given, list(shape), weight, bias, eps)
    slope = scale if weight is None else scale * weight.detach()

    def rule(gradient: Tensor) -> Tensor:
        inner = gradient * slope
        return inner - inner.mean(axes, keepdim=True)

    return ruled(output, given, rule, backward)


def identity_rms_norm(
    given: Tensor, shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None, backward: Backward = ALWAYS
) -> Tensor:
    """Root mean square normalisation whose scale is a constant."""
    axes = tuple(range(-len(shape), 0))
    power = given.detach().pow(2).mean(axes, keepdim=True)
    slope = (power + (torch.finfo(given.dtype).eps if eps is None else eps)).rsqrt() * (1.0 if weight is None else weight.detach())
    return ruled(functional.rms_norm(given, list(shape), weight, eps), given, lambda gradient: gradient * slope, backward)


class AttentionRule(AttentionProbe):
    """The uniform rule of both products of attention, or the conservative variant's."""

    def __init__(self, variant: Variant, ledger: Ledger) -> None:
        self._variant = variant
        self._ledger = ledger

    def inputs(self, site: AttentionSite, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        backward = self._ledger.backward
        if self._variant is Variant.CONSERVATIVE:
            return ruled(query, query, None, backward), ruled(key, key, None, backward), value
        return scaled(query, 0.25, backward), scaled(key, 0.25, backward), scaled(value, 0.5, backward)

    def scores(self, site: AttentionSite, scores: Tensor) -> Tensor:
        if self._variant is Variant.ATTN_LRP:
            self._ledger.scores.append(scores)
        return scores

    def weights(self, site: AttentionSite, weights: Tensor) -> Tensor:
        self._ledger.attention.append(weights)
        if self._variant is Variant.ATTN_LRP:
            self._ledger.weights.append(weights)
        return weights


class FunctionalRules(TorchFunctionMode):
    """Catches norms and activations that are called as functions, in this thread and scope only.

    With `keep`, what biases, position and type embeddings absorb is noted in the ledger.
    """

    def __init__(self, ledger: Ledger, relative_bias: frozenset[int], *, keep: bool) -> None:
        super().__init__()
        self._ledger = ledger
        self._relative_bias = relative_bias
        self._keep = keep
        self._rules: Mapping[Any, Callable[..., Tensor]] = {
            functional.layer_norm: self._layer_norm,
            functional.rms_norm: partial(identity_rms_norm, backward=ledger.backward),
            functional.linear: self._linear,
            functional.embedding: self._embedding,
            torch.addmm: self._addmm,
            torch.rsqrt: self._constant(torch.rsqrt),
            Tensor.rsqrt: self._constant(torch.rsqrt),
            **{f: self._activation(f) for f in _ACTIVATIONS},
            **{f: self._normalisation(f) for f in _NORMALISATIONS if keep},
        }

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        rule = self._rules.get(function, function)
        return rule(*args, **(kwargs or {}))

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._rules = {}  # they know this object, which knows the graph: memory would wait for the garbage collector

    def _constant(self, function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda given: ruled(function(given), given, None, self._ledger.backward)

    def _activation(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def rule(given: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            return identity_rule(given, function(given.clone() if kwargs.get("inplace") else given, *args, **kwargs), self._ledger.backward)

        return rule

    def _normalisation(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def rule(given: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            output = function(given, *args, **kwargs)
            self._ledger.normalised.append((given, output))
            return output

        return rule

    def _layer_norm(
        self, given: Tensor, shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
    ) -> Tensor:
        return self._biased(
            given,
            bias,
            lambda own: functional.layer_norm(given, list(shape), weight, own, eps),
            partial(identity_norm, given, shape, weight, bias, eps, self._ledger.backward),
        )

    def _linear(self, given: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return self._biased(given, bias, lambda own: functional.linear(given, weight, own))

    def _addmm(self, bias: Tensor, first: Tensor, *args: Any, **options: Any) -> Tensor:
        return self._biased(first, bias, lambda own: torch.addmm(own, first, *args, **options))

    def _embedding(self, ids: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        found = functional.embedding(ids, weight, *args, **kwargs)
        return self._ledger.embedded(found) if self._keep and id(weight) not in self._relative_bias else found

    def _biased(
        self, given: Tensor, bias: Tensor | None, plain: Callable[[Any], Tensor], by_rule: Callable[[], Tensor] | None = None
    ) -> Tensor:
        """An operation with a bias; where no relevance comes from what was given, all of it stays with the bias."""
        if bias is not None and self._keep and not given.requires_grad:
            return plain(self._ledger.lone(bias))
        output = plain(bias) if by_rule is None else by_rule()
        return output if bias is None or not self._keep else self._ledger.biased(output, bias)


_NORMALISATIONS: tuple[Callable[..., Tensor], ...] = (
    functional.softmax,
    functional.log_softmax,
    torch.softmax,
    torch.log_softmax,
    Tensor.softmax,
    Tensor.log_softmax,
)
_ACTIVATIONS: tuple[Callable[..., Tensor], ...] = (
    functional.gelu,
    functional.relu,
    functional.silu,
    functional.sigmoid,
    functional.tanh,
    torch.relu,
    torch.tanh,
    torch.sigmoid,
    Tensor.tanh,
    Tensor.relu,
    Tensor.sigmoid,
)


@contextlib.contextmanager
def rules(instruments: Instruments, variant: Variant, ledger: Ledger, *, keep: bool = False) -> Iterator[None]:
    """Within, the backward pass of this model carries relevance."""
    with (
        instruments.attention(AttentionRule(variant, ledger)),
        instruments.nonlinearities(
            partial(identity_rule, backward=ledger.backward),
            lambda product: scaled(product, 0.5, ledger.backward),
            lambda weights: ruled(weights, weights, None, ledger.backward),
            ledger.embedded if keep else lambda position: position,
        ),
        FunctionalRules(ledger, instruments.architecture.relative_bias, keep=keep),
    ):
        yield
