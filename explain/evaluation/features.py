"""The features of a text: the segments that methods are compared on, and that are taken away; special tokens are none."""

from __future__ import annotations

from explain.results import Explanation
from explain.segments import Granularity, groups_of
from explain.tokens import Word
from explain.types import Encoding


def features_of(text: Encoding | Explanation, granularity: Granularity) -> tuple[Word, ...]:
    """The segments (whose scores are the sums of their tokens') that are not special."""
    return tuple(group for group in groups_of(text, granularity) if not group.special)
