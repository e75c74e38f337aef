"""Segments: what comes and goes together and what scores are summed to, from tokens to documents.

The levels are nested: a message holds its documents, these their paragraphs, these their sentences, these their words, these their tokens.
A given span need not fit into the others; what it cuts is cut at every level from sentences on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
from sentencex import segment as split_sentences

from explain.errors import InputError
from explain.messages import Span, SpanKind
from explain.tokens import Word, words
from explain.types import Array, Segment, Token

if TYPE_CHECKING:
    import pandas as pd

PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
LABEL = 60
ANSWER = "answer"
_SPECIAL = -2


class Granularity(StrEnum):
    """What comes and goes together, and what scores are summed to."""

    TOKENS = "tokens"
    WORDS = "words"
    SENTENCES = "sentences"
    PARAGRAPHS = "paragraphs"
    MESSAGES = "messages"
    DOCUMENTS = "documents"
    SPANS = "spans"


NAMED = {Granularity.MESSAGES: SpanKind.MESSAGE, Granularity.DOCUMENTS: SpanKind.DOCUMENT, Granularity.SPANS: SpanKind.GIVEN}
"""The levels whose segments are spans of the text with a name, and which."""
_HINT = {
    Granularity.MESSAGES: "Ask with messages",
    Granularity.DOCUMENTS: "Ask with documents beside the messages",
    Granularity.SPANS: "Give the spans with the question",
}


class Read(Protocol):
    """A text as a model read it: an encoding, or an explanation."""

    @property
    def text(self) -> str: ...

    @property
    def tokens(self) -> tuple[Token, ...]: ...

    @property
    def spans(self) -> tuple[Span, ...]: ...


@dataclass(frozen=True)
class SegmentScores:
    """Scores summed to segments; over all segments they sum to what they sum to over all tokens.

    Attributes:
        granularity: The level.
        segments: In the order of the text.
        scores: Method -> [segments].
        step_scores: For sequence tasks, method -> [outputs, segments].
    """

    granularity: Granularity
    segments: tuple[Word, ...]
    scores: Mapping[str, Array]
    step_scores: Mapping[str, Array] = field(default_factory=dict)

    def __getitem__(self, method: str) -> Array:
        return self.scores[method]

    @property
    def labels(self) -> list[str]:
        """A short name of each segment."""
        return [label_of(segment) for segment in self.segments]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "granularity": self.granularity.value,
            "segments": [
                {"label": label_of(segment), "text": segment.text, "tokens": list(segment.indices), "fixed": segment.special}
                for segment in self.segments
            ],
            "scores": {method: scores.tolist() for method, scores in self.scores.items()},
            "step_scores": {method: scores.tolist() for method, scores in self.step_scores.items()},
        }

    def to_frame(self) -> pd.DataFrame:
        """One row per segment, one column per method."""
        import pandas as pd

        columns: dict[str, Any] = {"segment": self.labels, "fixed": [segment.special for segment in self.segments]}
        return pd.DataFrame(columns | dict(self.scores))


def label_of(segment: Word) -> str:
    """A short name: the one it has, or how it begins."""
    text = segment.name or " ".join(segment.text.split())
    return text if len(text) <= LABEL else f"{text[: LABEL - 1].rstrip()}…"


def groups_of(read: Read, granularity: Granularity | str) -> tuple[Word, ...]:
    """All that a model read as segments; every token is in exactly one.

    Special tokens are never taken away: alone among tokens and words, in runs at other levels. Where only documents or given spans come
    and go, what stands between them stays too and counts as special.

    Raises:
        InputError: There is no such level, or nothing of its kind in the text.
    """
    if granularity not in set(Granularity):
        raise InputError(f"{str(granularity)!r} is no kind of segments. Choose one of: {', '.join(Granularity)}.")
    level = Granularity(granularity)
    tokens = read.tokens
    if level is Granularity.TOKENS:
        return tuple(Word((i,), token.text or token.label, token.before, token.special) for i, token in enumerate(tokens))
    if level is Granularity.WORDS:
        return words(tokens, read.text, edges=sorted(_edges(read.spans)))
    given = tuple(token for token in tokens if token.segment is Segment.INPUT)
    written = tuple(token for token in tokens if token.segment is Segment.OUTPUT)
    groups = _grouped(given, 0, _places(read.text, read.spans, level))
    return (*groups, *_grouped(written, len(given), _places_of_output(written, level)))


def within(groups: Sequence[Word], segment: Word) -> tuple[Word, ...]:
    """The groups that lie in a segment of a coarser level."""
    inside = set(segment.indices)
    return tuple(group for group in groups if inside.issuperset(group.indices))


@dataclass(frozen=True)
class _Place:
    """A segment as a part of the text, [start, end)."""

    start: int
    end: int
    name: str = ""
    fixed: bool = False


def _places(text: str, spans: Sequence[Span], level: Granularity) -> list[_Place]:
    """The segments of a text, which leave out nothing but what stands between the messages of a chat."""
    spoken = [span for span in spans if span.role]  # messages, and documents outside them
    content = sorted((span.start, span.end) for span in spoken) or [(0, len(text))]
    if level not in NAMED:
        return [_Place(*piece) for block in content for piece in _pieces(text, _cut(block, _edges(spans)), level)]
    of_kind = spoken if level is Granularity.MESSAGES else (span for span in spans if span.kind is NAMED[level])
    chosen = sorted(of_kind, key=lambda span: span.start)
    if not chosen:
        raise InputError(f"There are no {level} in this text. {_HINT[level]}, or choose one of: tokens, words, sentences, paragraphs.")
    named = {span.start: span for span in chosen}
    return [
        _Place(start, end, named[start].name) if start in named else _Place(start, end, fixed=True)
        for block in content
        for start, end in _cut(block, _edges(chosen))
    ]


def _places_of_output(tokens: Sequence[Token], level: Granularity) -> list[_Place]:
    """The segments of the output so far, whose tokens are placed in a text of their own."""
    if level in NAMED:
        return [_Place(0, max((token.end for token in tokens), default=0), ANSWER, fixed=level is not Granularity.MESSAGES)]
    text = "".join(token.before + token.text for token in tokens)
    return [_Place(*piece) for piece in _pieces(text, [(0, len(text))], level)]


def _edges(spans: Sequence[Span]) -> set[int]:
    return {edge for span in spans for edge in (span.start, span.end)}


def _cut(block: tuple[int, int], edges: set[int]) -> list[tuple[int, int]]:
    """A part of the text cut at the edges within it."""
    start, end = block
    inner = [start, *sorted(edge for edge in edges if start < edge < end), end]
    return [pair for pair in pairwise(inner) if pair[0] < pair[1]]


def _pieces(text: str, blocks: Sequence[tuple[int, int]], level: Granularity) -> Iterator[tuple[int, int]]:
    """The paragraphs or sentences of blocks; white space belongs to the piece before it."""
    for start, end in blocks:
        edges = {start + match.end() for match in PARAGRAPH.finditer(text[start:end])}
        for first, last in _cut((start, end), edges):
            if level is Granularity.PARAGRAPHS:
                yield first, last
                continue
            sentences = split_sentences("en", text[first:last])
            ends = accumulate(map(len, sentences), initial=first)
            yield from _cut((first, last), {end for end, sentence in zip(ends, sentences, strict=False) if sentence.strip()})


def _grouped(tokens: Sequence[Token], first: int, places: Sequence[_Place]) -> tuple[Word, ...]:
    """Tokens by the segment in which they begin; the first of them has the index `first`."""
    owner = np.full(max((place.end for place in places), default=0) + 2, -1)
    for number, place in enumerate(places):
        owner[place.start : place.end] = number
    found: list[tuple[int, list[int]]] = []
    opened: dict[int, list[int]] = {}
    for index, token in enumerate(tokens):
        number = _SPECIAL if token.special else _number(owner, token.start)
        if number >= 0 and number in opened:
            opened[number].append(index)
        elif found and found[-1][0] == number:
            found[-1][1].append(index)
        else:
            found.append((number, [index]))
            opened[number] = found[-1][1]
    unnamed = _Place(0, 0, ANSWER if tokens and tokens[0].segment is Segment.OUTPUT else "", fixed=True)
    return tuple(_group(tokens, first, indices, places[number] if number >= 0 else unnamed) for number, indices in found)


def _number(owner: npt.NDArray[np.int64], start: int) -> int:
    """The segment at a place, or the one that ends there: white space at the end of a text begins after it."""
    place = min(start, len(owner) - 1)
    return int(owner[place] if owner[place] >= 0 or not place else owner[place - 1])


def _said(token: Token) -> str:
    """What a token adds to the text of a segment after the white space before it."""
    return token.text or token.piece * (token.special and not token.before)


def _group(tokens: Sequence[Token], first: int, indices: Sequence[int], place: _Place) -> Word:
    text = "".join((tokens[i].before if i != indices[0] else "") + _said(tokens[i]) for i in indices)
    special = place.fixed or all(tokens[i].special for i in indices)
    return Word(tuple(first + i for i in indices), text or tokens[indices[0]].label, tokens[indices[0]].before, special, place.name)
