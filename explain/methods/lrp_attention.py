"""Attention as one operation under LRP's rules: of softmax(q k') v no weights are written out, however long the text.

The uniform rule halves what comes to values and weights, and once more what comes from the scores to queries and keys; softmax's is the
plain gradient. So relevance is the gradient of the one operation, with halves. What softmax absorbs is what flows through its weights
less what flows through its scores, and both can be told without them: with o = w v the sum of w dw is that of o do, and with s = q k' the
sum of s ds is that of q dq, or of k dk.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor
from torch.nn import functional

from explain.methods.lrp_ledger import Ledger
from explain.methods.lrp_rules import Variant, carries, stopped


def attention(
    query: Tensor, key: Tensor, value: Tensor, variant: Variant, ledger: Ledger, *, keep: bool, options: Mapping[str, Any]
) -> Tensor:
    """What the heads give [B, heads, q, d].

    Args:
        query: [B, heads, q, d].
        key: [B, heads, k, d], or fewer heads that are repeated; so are values.
        value: The same.
        variant: Whose rules.
        ledger: In which it is noted what softmax absorbs.
        keep: Whether it is.
        options: Mask, causality and scale of `scaled_dot_product_attention`; no mask that is added.
    """
    backward = ledger.backward
    if variant is Variant.CONSERVATIVE:
        query, key = (stopped(part, backward) if carries(part) else part for part in (query, key))
    weighed = carries(query), carries(key)
    halves = 2 if any(weighed) and carries(value) else 1
    noted = keep and ledger.noting and any(weighed)
    if noted and query.shape[0] % ledger.rows:
        noted = ledger.by_row = False
    parts = []
    for part, factors, told in (
        (query, halves * sum(weighed), weighed[0]),
        (key, halves * sum(weighed), not weighed[0]),
        (value, halves, False),
    ):
        own = part.view_as(part) if carries(part) else part
        if noted and told:
            own.register_hook(partial(backward.passed, -1 / halves, own.detach()))
        parts.append(backward.shared(own, factors) if carries(part) else part)
    query, key, value = parts
    if key.shape[-3] != query.shape[-3]:
        key, value = (part.repeat_interleave(query.shape[-3] // part.shape[-3], -3) for part in (key, value))
    output = functional.scaled_dot_product_attention(query, key, value, **options)
    if noted:
        output.register_hook(partial(backward.passed, 1 / halves, output.detach()))
    return output
