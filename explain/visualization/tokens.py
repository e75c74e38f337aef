"""Tokens or words with their scores, ready to be shown: the display choices that recompute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from explain.results import Attribution
from explain.tokens import Word, sum_over, words
from explain.types import Array, Segment, Token
from explain.visualization.colors import Scale, level

ARROW = "  ⟶  "


@dataclass(frozen=True)
class Shown:
    """The columns of a view: tokens, or words with the sum of their tokens' scores."""

    groups: tuple[Word, ...]
    output: tuple[bool, ...]

    @property
    def labels(self) -> list[str]:
        return [group.text for group in self.groups]

    @cached_property
    def pieces(self) -> tuple[tuple[str, int | None], ...]:
        """The text of every column with its number, and what stands between columns: white space, and an arrow where the output begins."""
        pieces: list[tuple[str, int | None]] = []
        written = False
        for number, (group, output) in enumerate(zip(self.groups, self.output, strict=True)):
            if output and not written:
                pieces.append((ARROW, None))
                written = True
            previous = self.groups[number - 1] if number else None
            beside_special = previous is not None and not _is_space(previous) and (group.special or previous.special)
            space = [(text, None) for text in (group.before or " " * beside_special,) if text]
            pieces += [(group.text, number), *space] if _is_space(group) else [*space, (group.text, number)]
        return tuple(pieces)

    def part(self, columns: slice) -> Shown:
        """Some of the columns, numbered from 0 again."""
        return Shown(self.groups[columns], self.output[columns])

    def scores(self, scores: Array) -> Array:
        """Scores [..., tokens] of the shown columns [..., columns]."""
        return sum_over(self.groups, scores) if self.groups else np.zeros((*scores.shape[:-1], 0))

    def column_with(self, token: int | None) -> int | None:
        """The number of the column that shows a token; `None` for no token, or one that is not shown."""
        return next((number for number, group in enumerate(self.groups) if token in group.indices), None)


def _is_space(group: Word) -> bool:
    """Whether a column is white space itself, which stands after its sign."""
    return bool(group.before) and not group.text.strip("⏎␣")


def shown(tokens: tuple[Token, ...], text: str, *, merge: bool, special: bool) -> Shown:
    """Choose the columns: sub-words merged to words with `merge`, special tokens with `special`."""
    if merge:
        groups = words(tokens, text)
    else:
        groups = tuple(Word((i,), token.label, token.before, token.special) for i, token in enumerate(tokens))
    kept = tuple(group for group in groups if special or not group.special)
    return Shown(kept, tuple(tokens[group.indices[0]].segment is Segment.OUTPUT for group in kept))


def limits(attributions: Sequence[Attribution], columns: Shown, scale: Scale) -> list[float]:
    """The score of the strongest colour for each method: its largest absolute shown score or, on a shared scale, that of all signed ones.

    1 where all scores are 0.
    """
    own = [float(np.abs(columns.scores(a.scores)).max(initial=0.0)) for a in attributions]
    if scale is Scale.SHARED:
        common = max((limit for limit, a in zip(own, attributions, strict=True) if a.signed), default=0.0)
        own = [common if a.signed else limit for limit, a in zip(own, attributions, strict=True)]
    return [limit or 1.0 for limit in own]


def highlighted(attribution: Attribution, columns: Shown, *, limit: float | None = None) -> list[tuple[str, str | None]]:
    """(text, colour class) pairs; white space between tokens stays outside the colour.

    Args:
        attribution: One method's scores.
        columns: The display choice.
        limit: The score of the strongest colour; this method's largest absolute shown score if left out.
    """
    scores = columns.scores(attribution.scores)
    strongest = limit if limit is not None else float(np.abs(scores).max(initial=0.0))
    return [
        (text, None if column is None else level(float(scores[column]), strongest, signed=attribution.signed))
        for text, column in columns.pieces
    ]


def pooled(columns: Shown, size: int) -> Shown:
    """Every `size` columns as one, the last maybe fewer: what their scores sum to is kept."""
    if size <= 1:
        return columns
    groups, output = [], []
    for start in range(0, len(columns.groups), size):
        part = columns.groups[start : start + size]
        first, last = part[0], part[-1]
        text = first.text if len(part) == 1 else f"{first.text} … {last.text} ({start + 1}–{start + len(part)})"
        indices = tuple(index for group in part for index in group.indices)
        groups.append(Word(indices, text, first.before, all(group.special for group in part)))
        output.append(columns.output[start])
    return Shown(tuple(groups), tuple(output))
