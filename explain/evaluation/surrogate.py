"""A sparse linear surrogate of a score on random ablations: what a method of the prompt's parts is compared with."""

from __future__ import annotations

import numpy as np

from explain.models.perturbation import Keep
from explain.types import Array

SPARSITY = 0.01
"""Weight of the absolute values in the LASSO of a score per token."""


def ablations(features: int, count: int, generator: np.random.Generator) -> Keep:
    """Different random subsets of features [count, features], each feature with probability 1/2; all of them where there are fewer."""
    if features <= 16 and 2**features <= 4 * count:
        numbers = generator.permutation(2**features)[:count]
        return (numbers[:, None] >> np.arange(features) & 1).astype(bool)
    found = np.unique(generator.random((4 * count, features)) < 0.5, axis=0)
    return generator.permutation(found)[:count]


def sparse_linear(keep: Keep, values: Array, *, tokens: int, sparsity: float = SPARSITY) -> Array:
    """Weights [features] of a LASSO of a score [B] on what is kept [B, features], as ContextCite fits it.

    The score is divided by the number of tokens that it is the sum of and the features are standardised, so that one weight of sparsity
    fits any answer (Cohen-Wang et al., 2024, arXiv:2409.00729).
    """
    from sklearn.linear_model import Lasso

    features = keep.astype(np.float64)
    spread = features.std(0)
    scaled = (features - features.mean(0)) / np.where(spread > 0, spread, 1.0)
    found = Lasso(alpha=sparsity, max_iter=10_000).fit(scaled, values / tokens).coef_
    return np.asarray(np.where(spread > 0, found / np.where(spread > 0, spread, 1.0), 0.0) * tokens)
