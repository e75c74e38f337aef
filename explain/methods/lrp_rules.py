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

The conservative variant (Ali et al., 2022) takes the attention weights as constants instead: q and k get nothing, v all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from explain.models.architectures import AttentionSite
from explain.models.instrumentation import Instruments
from explain.models.probes import AttentionProbe


class Variant(StrEnum):
    """How relevance passes through attention."""

    ATTN_LRP = "attn_lrp"
    CONSERVATIVE = "conservative"


class ScaledGradient(torch.autograd.Function):
    """The identity, whose gradient is multiplied by a constant."""

    @staticmethod
    def forward(context: Any, tensor: Tensor, factor: float) -> Tensor:
        context.factor = factor
        return tensor.view_as(tensor)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * context.factor, None


def scaled(tensor: Tensor, factor: float) -> Tensor:
    """The tensor, with its gradient multiplied by a factor."""
    result: Tensor = ScaledGradient.apply(tensor, factor)  # type: ignore[no-untyped-call]
    return result


def identity_rule(given: Tensor, output: Tensor) -> Tensor:
    """The output again, as given x (output / given) with the ratio constant; where the input is 0 nothing flows."""
    zero = given == 0
    ratio = torch.where(zero, 0.0, output / torch.where(zero, 1.0, given)).detach()
    return given * ratio + torch.where(zero, output, 0.0).detach()


def identity_norm(given: Tensor, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """Layer normalisation whose standard deviation is a constant."""
    axes = tuple(range(-len(shape), 0))
    centred = given - given.mean(axes, keepdim=True)
    normal = centred * (centred.detach().pow(2).mean(axes, keepdim=True) + eps).rsqrt()
    normal = normal if weight is None else normal * weight
    return normal if bias is None else normal + bias


def identity_rms_norm(given: Tensor, shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """Root mean square normalisation whose scale is a constant."""
    axes = tuple(range(-len(shape), 0))
    normal = given * (given.detach().pow(2).mean(axes, keepdim=True) + (torch.finfo(given.dtype).eps if eps is None else eps)).rsqrt()
    return normal if weight is None else normal * weight


@dataclass
class Ledger:
    """What relevance does not reach the input embeddings: constants added on the way, and what softmax absorbs.

    Attributes:
        rows: Of the batch, each with constants of its own.
        constants: Biases, position and type embeddings, as leaves of the graph.
        weights: Attention weights of every call.
        scores: Query key products of every call.
        normalised: (input, output) of every softmax and log-softmax, attention's among them.
        attention: Attention weights of every call, whether or not relevance passes through them.
        by_row: Whether all constants could be given to the rows.
    """

    rows: int = 1
    constants: list[Tensor] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)
    scores: list[Tensor] = field(default_factory=list)
    normalised: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    attention: list[Tensor] = field(default_factory=list)
    by_row: bool = True

    def constant(self, tensor: Tensor) -> Tensor:
        self.constants.append(tensor.detach().clone().requires_grad_())
        return self.constants[-1]

    def bias(self, bias: Tensor, given: Tensor) -> Tensor:
        """A bias that is added to what becomes of `given` [B or B * n, …, d]."""
        if self.rows == 1:
            return self.constant(bias)
        repeats, left = divmod(len(given), self.rows)
        if left:
            self.by_row = False
            return bias
        own = self.constant(bias.expand(self.rows, *bias.shape))
        return own.repeat_interleave(repeats, 0).view(len(given), *(1,) * (given.dim() - 1 - bias.dim()), *bias.shape)

    def embedded(self, embedded: Tensor) -> Tensor:
        """Rows of an embedding table [B or 1, n, d]."""
        if self.rows == 1:
            return self.constant(embedded)
        if embedded.dim() < 3 or len(embedded) not in (1, self.rows):
            self.by_row = False
            return embedded
        return self.constant(embedded.expand(self.rows, *embedded.shape[1:]))


class AttentionRule(AttentionProbe):
    """The uniform rule of both products of attention, or the conservative variant's."""

    def __init__(self, variant: Variant, ledger: Ledger) -> None:
        self._variant = variant
        self._ledger = ledger

    def inputs(self, site: AttentionSite, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self._variant is Variant.CONSERVATIVE:
            return query.detach(), key.detach(), value
        return scaled(query, 0.25), scaled(key, 0.25), scaled(value, 0.5)

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

    With `keep`, biases and embedding rows become leaves of the ledger.
    """

    def __init__(self, ledger: Ledger, relative_bias: frozenset[int], *, keep: bool) -> None:
        super().__init__()
        self._ledger = ledger
        self._relative_bias = relative_bias
        self._keep = keep
        self._rules: Mapping[Any, Callable[..., Tensor]] = {
            functional.layer_norm: self._layer_norm,
            functional.rms_norm: identity_rms_norm,
            functional.linear: self._linear,
            functional.embedding: self._embedding,
            torch.addmm: self._addmm,
            torch.rsqrt: lambda given: torch.rsqrt(given).detach(),
            Tensor.rsqrt: lambda given: given.rsqrt().detach(),
            **{f: self._activation(f) for f in _ACTIVATIONS},
            **{f: self._normalisation(f) for f in _NORMALISATIONS if keep},
        }

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        rule = self._rules.get(function, function)
        return rule(*args, **(kwargs or {}))

    @staticmethod
    def _activation(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def rule(given: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            return identity_rule(given, function(given.detach().clone() if kwargs.get("inplace") else given, *args, **kwargs))

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
        return identity_norm(given, shape, weight, self._bias(bias, given), eps)

    def _linear(self, given: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        own = self._bias(bias, given)
        return functional.linear(given, weight, own) if own is None or own.dim() == 1 else functional.linear(given, weight) + own

    def _addmm(self, bias: Tensor, first: Tensor, *args: Any, **options: Any) -> Tensor:
        return torch.addmm(self._bias(bias, first), first, *args, **options)

    def _embedding(self, ids: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        found = functional.embedding(ids, weight, *args, **kwargs)
        return self._ledger.embedded(found) if self._keep and id(weight) not in self._relative_bias else found

    def _bias(self, bias: Tensor | None, given: Tensor) -> Any:
        return bias if bias is None or not self._keep else self._ledger.bias(bias, given)


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
        instruments.nonlinearities(identity_rule, lambda product: scaled(product, 0.5)),
        FunctionalRules(ledger, instruments.architecture.relative_bias, keep=keep),
    ):
        yield
