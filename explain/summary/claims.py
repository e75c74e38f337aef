"""What a verdict claims about an explanation, as data; `rules` makes it from numbers, `wording` says it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What can be said of which words decided."""

    DECIDED = "decided"
    CONTRADICTED = "contradicted"
    SPLIT = "split"
    NO_EFFECT = "no_effect"
    CHANCE = "chance"
    TARGET_BLIND = "target_blind"
    NO_WORDS = "no_words"
    NO_METHODS = "no_methods"


class Effect(StrEnum):
    """What the deciding words did, from the strongest claim to the weakest."""

    TURNED = "turned"
    MADE = "made"
    SPOKE = "spoke"
    COUNTED = "counted"


class Standing(StrEnum):
    """How a method's faithfulness stands to that of random orders."""

    BETTER = "better"
    UNCLEAR = "unclear"
    CHANCE = "chance"


@dataclass(frozen=True)
class NamedWord:
    """A word of the text.

    Attributes:
        text: Its characters.
        place: Its number among the words that are not special, from 0.
        occurrence: Which of the words that read the same it is, from 1.
        occurrences: How many there are.
        in_output: It is part of the output that the model continues.
    """

    text: str
    place: int
    occurrence: int = 1
    occurrences: int = 1
    in_output: bool = False


@dataclass(frozen=True)
class WordScore:
    """A word and its score (the sum over its tokens) by one method."""

    word: NamedWord
    score: float


@dataclass(frozen=True)
class Leader:
    """The words that a method gives the largest absolute score; several if they are tied."""

    method: str
    words: tuple[WordScore, ...]


@dataclass(frozen=True)
class Contradiction:
    """A word on whose direction methods differ.

    Attributes:
        word: The word.
        towards: Methods that have it speak for the target, with their scores.
        away: Methods that have it speak against, with their scores.
    """

    word: NamedWord
    towards: tuple[tuple[str, float], ...]
    away: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Disputed:
    """A word that hardly counts by the methods the verdict rests on, but is deciding by others."""

    word: NamedWord
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Agreeing:
    """Methods of which every two agree, with the lowest and highest tau between two of them."""

    methods: tuple[str, ...]
    lowest: float
    highest: float


@dataclass(frozen=True)
class FaithfulMethod:
    """How faithful a method is on this text: 0 is what random orders reach, 1 the best order found."""

    method: str
    value: float
    standing: Standing

    @property
    def better_than_chance(self) -> bool:
        return self.standing is Standing.BETTER


@dataclass(frozen=True)
class Asked:
    """What was explained.

    Attributes:
        task: The task's name.
        target: The target, or the whole output of a sequence task.
        foil: What it is contrasted with.
        step: For a sequence task that explains one output token, its number from 0; `None` for the whole output.
        steps: How many tokens the output has.
        whole: The whole output is explained.
        passage: A passage of it is explained as one.
    """

    task: str
    target: str
    foil: str | None
    step: int | None = None
    steps: int = 0
    whole: bool = False
    passage: bool = False


@dataclass(frozen=True)
class Claims:
    """All that the verdict claims.

    Attributes:
        verdict: Whether words are named as deciding, and if not, why.
        asked: What was explained.
        titles: Method -> what a person reads.
        words: How many words there are.
        rests_on: The methods that all call the deciding words deciding.
        quoted: The one of them whose scores are given.
        deciding: The deciding words with the scores of `quoted`, the largest first.
        effect: What those of them did that have the direction of the first.
        turned_to: The answer that they turned it to.
        alike: Deciding words of one direction with equal scores, by place.
        minor: Words that hardly count by every method of `rests_on`, with the scores of `quoted`.
        disputed: Those of the minor words that other methods call deciding.
        contradictions: Words on whose direction the methods differ, the sharpest first.
        leaders: What each method puts first, where no word is named as deciding.
        agreeing: Groups of target-aware methods of which every two agree, the largest first.
        apart: Target-aware methods in no group; from the first group they differ, each from all of it.
        partly: Target-aware methods in no group that agree with some of the first group.
        highest: The largest tau between two target-aware methods, where no two agree; NaN if there is none.
        flat: Methods that give every word the same score, so that they have no order.
        target_blind: Methods that do not know the target.
        blind_agreeing: Those of them that agree with all of the first group, or with the only target-aware method.
        faithful: Every method with a known faithfulness, the most faithful first.
        chance: The faithfulness above which a method is better than chance; NaN if not known.
        undefined: Faithfulness was measured, but no order of the words is better than another.
        special: A special token that has a larger absolute score by `quoted` than any word.
        unconverged: Methods of `rests_on` whose numerical error is larger than asked, with it.
    """

    verdict: Verdict
    asked: Asked
    titles: Mapping[str, str]
    words: int
    rests_on: tuple[str, ...] = ()
    quoted: str = ""
    deciding: tuple[WordScore, ...] = ()
    effect: Effect = Effect.SPOKE
    turned_to: str | None = None
    alike: tuple[tuple[int, ...], ...] = ()
    minor: tuple[WordScore, ...] = ()
    disputed: tuple[Disputed, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    leaders: tuple[Leader, ...] = ()
    agreeing: tuple[Agreeing, ...] = ()
    apart: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    highest: float = float("nan")
    flat: tuple[str, ...] = ()
    target_blind: tuple[str, ...] = ()
    blind_agreeing: tuple[str, ...] = ()
    faithful: tuple[FaithfulMethod, ...] = ()
    chance: float = float("nan")
    undefined: bool = False
    special: WordScore | None = None
    unconverged: tuple[tuple[str, float], ...] = field(default_factory=tuple)

    @property
    def aware(self) -> tuple[str, ...]:
        """The methods that know the target, in the order of the explanation."""
        return tuple(method for method in self.titles if method not in self.target_blind)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; what is not known is `None`."""
        values = asdict(self)
        return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}
