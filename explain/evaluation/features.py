"""The features of a text: the tokens or words that methods are compared on, and that are taken away; special tokens are none."""

from __future__ import annotations

from explain.models.perturbation import Granularity, groups_of
from explain.results import Explanation
from explain.tokens import Word
from explain.types import Encoding


def features_of(text: Encoding | Explanation, granularity: Granularity) -> tuple[Word, ...]:
    """The tokens, or the words (whose scores are the sums of their tokens'), that are not special."""
    return tuple(group for group in groups_of(text, granularity) if not group.special)
