"""LRP's rules for functions and operators, applied as a model calls them; what is not listed here is linear, or not known.

What carries relevance is told from what is constant under the rules: weights, and all that is computed from them, from a norm's scale
or from the weights of a router alone.

| operation | rule |
|---|---|
| product of two that carry relevance | uniform: a half to each |
| quotient | the divisor is a constant |
| f(x), one number at a time | identity: f(x)/x is a constant |
| norm | identity: its scale is a constant |
| what is affine | its value at zero is a bias, which absorbs its share |
| softmax, exponentials | Taylor; the conservative variant takes attention weights as constants |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from explain.methods import lrp_functions as functions
from explain.methods.lrp_attention import attention
from explain.methods.lrp_ledger import Ledger
from explain.methods.lrp_rules import Variant, carries, constant, identity_norm, identity_rms_norm, identity_rule, ruled, stopped

HEADS_QUERIES_KEYS = 4
"""Axes of attention, with the batch's."""


class Operations(TorchFunctionMode):
    """Catches functions and operators in this thread and scope only.

    With `keep`, what constants and softmax absorb is noted in the ledger.
    """

    def __init__(self, variant: Variant, ledger: Ledger, relative_bias: frozenset[int], *, keep: bool) -> None:
        super().__init__()
        self._variant = variant
        self._ledger = ledger
        self._relative_bias = relative_bias
        self._keep = keep
        self.rules: Mapping[Any, Callable[..., Any]] = {
            functional.layer_norm: self._layer_norm,
            functional.rms_norm: partial(identity_rms_norm, backward=ledger.backward),
            functional.linear: self._linear,
            functional.embedding: self._embedding,
            functional.scaled_dot_product_attention: self._attention,
            torch.addmm: self._addmm,
            torch.baddbmm: self._baddbmm,
            Tensor.baddbmm: self._baddbmm,
            torch.linalg.solve_triangular: self._solution,
            Tensor.__rdiv__: lambda divisor, given: self._quotient(torch.div)(given, divisor),
            **{f: self._elementwise(f) for f in functions.ELEMENTWISE},
            **{f: self._normalisation(f) for f in functions.NORMALISATIONS},
            **{f: self._exponential(f) for f in functions.EXPONENTIALS if keep},
            **{f: self._product(f) for f in functions.PRODUCTS},
            **{f: self._einsum(f) for f in (torch.einsum, functional.bilinear)},
            **{f: self._quotient(f) for f in functions.QUOTIENTS},
            **{f: self._power(f) for f in functions.POWERS},
            **{f: self._scale(f) for f in functions.SCALES},
            **{f: self._sum(f, twin) for f, twin in functions.SUMS.items() if keep},
            **{f: self._affine(f) for f in functions.AFFINE if keep},
        }

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        rule = self.rules.get(function, function)
        output = rule(*args, **(kwargs or {}))
        made = output if isinstance(output, tuple | list) else (output,)
        computed = [one for one in made if isinstance(one, Tensor) and one.requires_grad and not one.is_leaf]  # leaves are the ledger's
        if computed and not carries((args, kwargs)):
            for one in computed:
                constant(one)
        return output

    def close(self) -> None:
        """Forget the rules: they know this object, which knows the graph, and memory would wait for the garbage collector."""
        self.rules = {}

    def _elementwise(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def rule(given: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            output = function(given.clone() if kwargs.get("inplace") else given, *args, **kwargs)
            return identity_rule(given, output, self._ledger.backward) if carries(given) else output

        return rule

    def _normalisation(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def rule(given: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            given = _own(given)
            output = function(given, *args, **kwargs)
            attention = output.dim() >= HEADS_QUERIES_KEYS
            if not carries(given):
                return output
            if attention and self._variant is Variant.CONSERVATIVE:
                return stopped(output, self._ledger.backward)
            if self._keep:
                self._ledger.softmax(given, output, attention=attention)
            return output

        return rule

    def _exponential(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def rule(given: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            given = _own(given)
            output = function(given, *args, **kwargs)
            if carries(given):
                self._ledger.softmax(given, output, attention=True)
            return output

        return rule

    def _product(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def rule(first: Any, second: Any, *args: Any, **kwargs: Any) -> Tensor:
            both = carries(first) and carries(second)
            output = function(first, second, *args, **kwargs)
            return self._ledger.backward.shared(output, 2) if both else output

        return rule

    def _einsum(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def rule(*args: Any, **kwargs: Any) -> Tensor:
            factors = sum(map(carries, args[1] if isinstance(args[1], tuple | list) else args))
            output = function(*args, **kwargs)  # perhaps a view: were it changed in place, a hook on it would be lost
            return ruled(output, output, lambda gradient: gradient / factors, self._ledger.backward) if factors > 1 else output

        return rule

    def _quotient(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def rule(given: Any, divisor: Any, *args: Any, **kwargs: Any) -> Tensor:
            if not carries(divisor):
                return function(given, divisor, *args, **kwargs)
            if not carries(given):
                return identity_rule(divisor, function(given, divisor, *args, **kwargs), self._ledger.backward)
            return function(given, stopped(divisor, self._ledger.backward), *args, **kwargs)

        return rule

    def _solution(self, divisor: Tensor, given: Tensor, **options: Any) -> Tensor:
        both = carries(divisor) and carries(given)
        found: Tensor = torch.linalg.solve_triangular(stopped(divisor, self._ledger.backward) if both else divisor, given, **options)
        return found

    def _scale(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def rule(given: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            output = function(given, *args, **kwargs)
            return stopped(output, self._ledger.backward) if carries(given) else output

        return rule

    def _power(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        elementwise, scale = self._elementwise(function), self._scale(function)

        def rule(given: Tensor, exponent: Any, *args: Any, **kwargs: Any) -> Tensor:
            return (scale if isinstance(exponent, int | float) and exponent < 0 else elementwise)(given, exponent, *args, **kwargs)

        return rule

    def _sum(self, function: Callable[..., Tensor], twin: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def rule(first: Any, second: Any, *args: Any, **kwargs: Any) -> Tensor:
            carried = carries(first), carries(second)
            if all(carried) and not self._ledger.noting:
                second = _own(second)  # attention scores that are not of query and key alone
                self._ledger.scores.append(second)
            output = function(first, second, *args, **kwargs)
            if carried[0] == carried[1] or not self._ledger.noting:
                return output
            with torch.no_grad():
                bias = twin(
                    *(output.new_zeros(()) if one else given for one, given in zip(carried, (first, second), strict=True)), *args, **kwargs
                )
                return self._ledger.biased(output, _finite(bias))

        return rule

    def _affine(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def rule(*args: Any, **kwargs: Any) -> Tensor:
            output = function(*args, **kwargs)
            if not self._ledger.noting or not carries(args):
                return output
            with torch.no_grad():
                return self._ledger.biased(output, _finite(function(*_at_zero(args), **kwargs)))

        return rule

    def _layer_norm(self, given: Tensor, shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
        if not carries(given):
            return functional.layer_norm(given, shape, weight, bias, eps)
        return self._biased(given, bias, identity_norm(given, shape, weight, bias, eps, self._ledger.backward))

    def _linear(self, given: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return self._biased(given, bias, functional.linear(given, weight, bias))

    def _addmm(self, bias: Tensor, first: Tensor, *args: Any, **options: Any) -> Tensor:
        return self._biased(first, bias, torch.addmm(bias, first, *args, **options))

    def _biased(self, given: Tensor, bias: Tensor | None, output: Tensor) -> Tensor:
        return output if bias is None or not self._keep or not carries(given) else self._ledger.biased(output, bias)

    def _baddbmm(self, added: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
        with self:
            product = torch.bmm(batch1, batch2)
            return added * beta + product * alpha

    def _embedding(self, ids: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        found = functional.embedding(ids, weight, *args, **kwargs)
        return found if id(weight) in self._relative_bias else self._ledger.embedded(found)

    def _attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """Attention with a mask that is yes or no as one operation; else written out, by the same rules."""
        if attn_mask is None or attn_mask.dtype == torch.bool:
            options = {"attn_mask": attn_mask, "is_causal": is_causal, "scale": scale}
            return attention(query, key, value, self._variant, self._ledger, keep=self._keep, options=options)
        with self:
            if enable_gqa:
                key, value = (part.repeat_interleave(query.shape[-3] // part.shape[-3], -3) for part in (key, value))
            scores = query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
            return torch.softmax(scores + attn_mask, -1) @ value


def _own(given: Tensor) -> Tensor:
    """The same for one operation alone, so that its gradient is what came through this one."""
    return given.view_as(given) if carries(given) else given


def _at_zero(given: Any) -> Any:
    """The same arguments, with zeros for what carries relevance."""
    if isinstance(given, tuple | list):
        return type(given)(map(_at_zero, given))
    return torch.zeros_like(given) if carries(given) else given


def _finite(bias: Tensor) -> Tensor:  # without what a mask adds, where nothing comes through
    return bias.masked_fill(bias.isinf(), 0.0)
