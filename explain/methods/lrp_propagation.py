"""A pass under LRP's rules: those of functions, of modules, and of attention."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

from torch import Tensor

from explain.methods.lrp_layers import RelevanceOfLayers
from explain.methods.lrp_ledger import Ledger
from explain.methods.lrp_operations import Operations
from explain.methods.lrp_rules import Variant, identity_rule, stopped
from explain.models.architectures import AttentionSite
from explain.models.checkpointing import checkpointing_by
from explain.models.instrumentation import Instruments
from explain.models.probes import AttentionProbe


class AttentionRule(AttentionProbe):
    """What attention is besides its operations: weights that are constants, and an account of all that lies between scores and weights.

    Where attention is one operation it has a rule of its own (`lrp_attention`).
    """

    as_operation = True

    def __init__(self, variant: Variant, ledger: Ledger) -> None:
        self._variant = variant
        self._ledger = ledger
        self._scores: Tensor | None = None

    def inputs(self, site: AttentionSite, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self._variant is Variant.CONSERVATIVE:
            return stopped(query, self._ledger.backward), stopped(key, self._ledger.backward), value
        return query, key, value

    def scores(self, site: AttentionSite, scores: Tensor) -> Tensor:
        self._ledger.noting = False
        self._scores = scores if scores.requires_grad else None  # else the layer will be computed again
        return scores

    def weights(self, site: AttentionSite, weights: Tensor) -> Tensor:
        self._ledger.noting = True
        if self._variant is Variant.ATTN_LRP and self._scores is not None:
            self._ledger.softmax(self._scores, weights, attention=True)
        self._scores = None
        return weights


@contextlib.contextmanager
def rules(
    instruments: Instruments, variant: Variant, ledger: Ledger, *, keep: bool = False, kind: type[Operations] = Operations
) -> Iterator[Operations]:
    """Within, the backward pass of this model carries relevance."""
    operations = kind(variant, ledger, instruments.architecture.relative_bias, keep=keep)
    again = partial(rules, instruments, variant, keep=keep, kind=kind)
    activation, routed = partial(identity_rule, backward=ledger.backward), partial(stopped, backward=ledger.backward)
    try:
        with (
            contextlib.nullcontext() if instruments.own_attention else instruments.attention(AttentionRule(variant, ledger)),
            instruments.nonlinearities(activation, routed),
            checkpointing_by(RelevanceOfLayers(ledger, again, written_out=not instruments.attention_is_one)),
            operations,
        ):
            yield operations
    finally:
        operations.close()
