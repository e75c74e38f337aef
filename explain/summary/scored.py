"""What a method says of the words of a text, and which methods agree on it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from explain.similarity import kendall
from explain.summary.claims import Agreeing, NamedWord, WordScore
from explain.tokens import Word, sum_over, words
from explain.types import Array, Segment, Unit

if TYPE_CHECKING:
    from explain.results import Attribution, Explanation

DECIDING = 0.5
"""Share of the largest absolute score from which on a word is deciding: no other word counts more than twice as much."""
MINOR = 0.05
"""Share of the largest up to which a word hardly counts: twenty of them would be needed to make up for one."""
TIE = 0.01
"""Share of the largest by which scores that are alike may differ: the numerical error that methods are allowed is about that."""
AGREE = 0.5
"""Kendall's tau from which on methods agree: they put at least three of four pairs of words in the same order."""
ROUNDING = 1e-6
"""Scores below this share of the explained score (logits count as 1 at least) are rounding errors of a model in float32."""


@dataclass(frozen=True)
class Scored:
    """One method and its score of every word [words]."""

    attribution: Attribution
    scores: Array

    @property
    def method(self) -> str:
        return self.attribution.method

    @property
    def signed(self) -> bool:
        return self.attribution.signed

    @property
    def largest(self) -> float:
        """The largest absolute score."""
        return float(np.abs(self.scores).max(initial=0.0))

    @property
    def nothing(self) -> bool:
        """Whether all scores are 0, but for rounding errors."""
        least = 0.0 if self.attribution.unit is Unit.PROBABILITY else 1.0
        return self.largest <= ROUNDING * max(least, abs(self.attribution.output))

    @property
    def flat(self) -> bool:
        """Whether no word has a larger score than another."""
        return len(self.scores) > 1 and (self.nothing or float(np.ptp(self.scores)) == 0)

    @property
    def shares(self) -> Array:
        """Scores [words] as shares of the largest absolute one; 0 if there is nothing."""
        return np.zeros_like(self.scores) if self.nothing else self.scores / self.largest

    @property
    def deciding(self) -> frozenset[int]:
        """The words it calls deciding."""
        return frozenset(map(int, np.flatnonzero(np.abs(self.shares) >= DECIDING)))

    @property
    def minor(self) -> frozenset[int]:
        """The words that hardly count."""
        return frozenset(map(int, np.flatnonzero(np.abs(self.shares) <= MINOR)))

    def alike(self, first: int, second: int) -> bool:
        """Whether two words have the same score."""
        return abs(float(self.scores[first] - self.scores[second])) <= TIE * self.largest

    def leading(self) -> list[int]:
        """The words with the largest absolute score."""
        return [] if self.nothing else np.flatnonzero(np.abs(self.shares) >= 1 - TIE).tolist()


def scored(explanation: Explanation) -> tuple[tuple[NamedWord, ...], tuple[Scored, ...]]:
    """The words of a text that are not special, and what every method says of them."""
    shown = tuple(word for word in words(explanation.tokens, explanation.text) if not word.special)

    def word_scores(scores: Array) -> Array:
        return sum_over(shown, scores) if shown else np.zeros(0)

    return _named(explanation, shown), tuple(Scored(a, word_scores(a.scores)) for a in explanation)


def _named(explanation: Explanation, shown: Sequence[Word]) -> tuple[NamedWord, ...]:
    texts = [" ".join(word.text.split()) or "…" for word in shown]
    keys = [(text.casefold(), explanation.tokens[word.indices[0]].segment) for text, word in zip(texts, shown, strict=True)]
    known, seen = Counter(keys), Counter[tuple[str, Segment]]()
    named = []
    for place, (text, key) in enumerate(zip(texts, keys, strict=True)):
        seen[key] += 1
        named.append(NamedWord(text, place, seen[key], known[key], key[1] is Segment.OUTPUT))
    return tuple(named)


def special_leader(explanation: Explanation, quoted: Scored) -> WordScore | None:
    """The special token with the largest absolute score, if no word has a larger one."""
    places = [place for place, token in enumerate(explanation.tokens) if token.special]
    if not places:
        return None
    place = max(places, key=lambda i: abs(quoted.attribution.scores[i]))
    score = float(quoted.attribution.scores[place])
    token = explanation.tokens[place]
    if abs(score) <= quoted.largest or quoted.attribution.target_blind:
        return None
    return WordScore(NamedWord(token.label, -1, in_output=token.segment is Segment.OUTPUT), score)


def tau(first: Scored, second: Scored) -> float:
    """Kendall's tau-b of two methods' word scores, with their signs if both have one; NaN where one of them has no order."""
    if len(first.scores) < 2 or first.flat or second.flat:
        return float("nan")
    signed = first.signed and second.signed
    value = kendall(*(method.scores if signed else np.abs(method.scores) for method in (first, second)))
    return round(value, 9)  # a tau that is just AGREE is not to depend on the last bit


Taus = Callable[[int, int], float]


def taus(methods: Sequence[Scored]) -> Taus:
    """Tau between any two of the methods, by number."""
    matrix = np.eye(len(methods))
    for first, second in combinations(range(len(methods)), 2):
        matrix[first, second] = matrix[second, first] = tau(methods[first], methods[second])
    return lambda first, second: float(matrix[first, second])


def groups(numbers: Iterable[int], between: Taus) -> list[tuple[int, ...]]:
    """Groups of at least two methods of which every two agree, taken one after another: the largest that is left comes first.

    Of equally large ones it is that with the highest mean tau, then the one whose methods come first.
    """
    left = sorted(numbers)
    found: list[tuple[int, ...]] = []
    while True:
        cliques = [clique for clique in _cliques([], left, [], between) if len(clique) > 1]
        if not cliques:
            return found
        best = max(cliques, key=lambda clique: (len(clique), round(_mean(clique, between), 9), [-number for number in clique]))
        found.append(best)
        left = [number for number in left if number not in best]


def agreeing(group: Sequence[int], methods: Sequence[Scored], between: Taus) -> Agreeing:
    """A group as a claim."""
    values = [between(*pair) for pair in combinations(group, 2)]
    return Agreeing(tuple(methods[number].method for number in group), min(values), max(values))


def central(group: Sequence[int], methods: Sequence[Scored], between: Taus) -> int:
    """The method of a group whose mean tau with the others is highest, with a sign if there is one; the first of several."""
    eligible = [number for number in group if methods[number].signed] or list(group)

    def closeness(number: int) -> float:
        values = [value for other in group if other != number and not math.isnan(value := between(number, other))]
        return round(sum(values) / len(values), 9) if values else -1.0

    return max(eligible, key=closeness)


def _mean(group: Sequence[int], between: Taus) -> float:
    values = [between(*pair) for pair in combinations(group, 2)]
    return sum(values) / len(values)


def _cliques(chosen: list[int], open_: list[int], closed: list[int], between: Taus) -> list[tuple[int, ...]]:
    """All sets of methods of which every two agree and to which no other can be added (Bron & Kerbosch, 1973)."""
    if not open_:
        return [] if closed else [tuple(sorted(chosen))]
    found: list[tuple[int, ...]] = []
    for number in list(open_):
        near = [other for other in (*open_, *closed) if other != number and between(number, other) >= AGREE]
        found += _cliques([*chosen, number], [o for o in open_ if o in near], [o for o in closed if o in near], between)
        open_ = [other for other in open_ if other != number]
        closed = [*closed, number]
    return found
