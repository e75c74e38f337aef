"""The claims of a verdict in plain English sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from explain.summary.claims import Claims, Contradiction, Effect, Standing, Verdict, WordScore
from explain.summary.phrases import Phrases, phrases
from explain.summary.style import Style, count, extent, figure, joined, number, sentence, signed, verb

MOST_NAMED = 3
"""How many words a sentence names one by one."""
CLOSE = 0.05
"""By how much a method may be behind the most faithful one and be named with it."""


def sentences(claims: Claims, style: Style) -> list[str]:
    """What decided, which methods agree, which are faithful, and what to bear in mind."""
    voice = Voice(claims, style, phrases(claims.asked, style))
    return [sentence(said) for part in (_decision, _agreement, _faithfulness, _caveats) for said in part(voice)]


@dataclass(frozen=True)
class Voice:
    """What all sentences about one text share."""

    claims: Claims
    style: Style
    phrases: Phrases

    def names(self, methods: Sequence[str], notes: Mapping[str, str] | None = None) -> str:
        """Methods as a list in words, with notes in parentheses."""
        shown = {method: self.style.title(self.claims.titles[method]) for method in methods}
        return joined([f"{title} ({notes[method]})" if notes and method in notes else title for method, title in shown.items()])

    def words(self, scores: Sequence[WordScore]) -> str:
        """Words as a list, the last of many as a number."""
        return joined([self.style.word(score.word) for score in scores[:MOST_NAMED]], _more(scores))

    def amount(self, score: float) -> str:
        """A score by the quoted method."""
        return number(score) if self.claims.effect is Effect.COUNTED else signed(score)

    def scored(self, scores: Sequence[WordScore], *, by: bool = False) -> str:
        """Words as a list with their scores; the first one also says by which method, if there are several."""
        author = f"{self.style.title(self.claims.titles[self.claims.quoted])} " if by and len(self.claims.titles) > 1 else ""
        notes = [f"{author if not place else ''}{self.amount(score.score)}" for place, score in enumerate(scores)]
        parts = [f"{self.style.word(score.word)} ({note})" for score, note in zip(scores, notes, strict=True)]
        return joined(parts[:MOST_NAMED], _more(scores))


def _more(scores: Sequence[WordScore]) -> str:
    more = len(scores) - MOST_NAMED
    return f"{more} other word{'s' * (more > 1)}" if more > 0 else ""


def _decision(voice: Voice) -> Iterator[str]:
    claims = voice.claims
    match claims.verdict:
        case Verdict.NO_METHODS:
            yield "no method was run"
        case Verdict.NO_WORDS:
            yield "there is no word to explain: the model reads special tokens only"
        case Verdict.NO_EFFECT:
            yield f"{voice.phrases.nothing}: {voice.names(claims.aware)} {verb(claims.aware, 'gives', 'give')} every word 0"
        case Verdict.TARGET_BLIND:
            yield f"no method that knows the answer was run, so which word decided is not known; {_leaders(voice)}"
        case Verdict.CHANCE:
            knowing = " that knows the answer" if claims.target_blind else ""
            yield f"no method{knowing} orders the words better than chance on this text, so no word is named as deciding"
        case Verdict.SPLIT:
            yield f"the methods contradict each other, so no word is named as deciding: {_leaders(voice)}"
        case Verdict.CONTRADICTED:
            yield f"the methods contradict each other, so no word is named as deciding: {_contradictions(voice)}"
        case Verdict.DECIDED:
            yield _decided(voice) + _others(voice)
            if claims.contradictions:
                yield f"elsewhere the methods contradict each other: {_contradictions(voice)}"


def _decided(voice: Voice) -> str:
    claims, said = voice.claims, voice.phrases
    positive = claims.deciding[0].score > 0
    first = [score for score in claims.deciding if claims.effect is Effect.COUNTED or (score.score > 0) == positive]
    second = [score for score in claims.deciding if score not in first]
    if claims.effect is Effect.TURNED:
        did = said.turned(claims.turned_to or "")
    else:
        did = {Effect.MADE: said.made, Effect.COUNTED: said.counted}.get(claims.effect, said.towards if positive else said.away)
    text = f"{voice.scored(first, by=True)} {did}"
    if second and claims.effect in (Effect.TURNED, Effect.MADE):
        text += f", against {voice.scored(second)}"
    elif second:
        text += f", {voice.scored(second)} {said.contra if positive else said.back}"
    scores = {score.word.place: score for score in claims.deciding}
    for group in claims.alike:
        everything = len(group) == claims.words
        text += f"; {f'all {len(group)} words' if everything else voice.words([scores[place] for place in group])} count alike"
    return text


def _others(voice: Voice) -> str:
    """What is said of words that hardly counted."""
    claims = voice.claims
    if claims.disputed:
        methods = claims.disputed[0].methods
        same = [disputed.word for disputed in claims.disputed if disputed.methods == methods][:MOST_NAMED]
        calling = f"{voice.names(methods)} {verb(methods, 'calls', 'call')} {verb(same, 'it', 'them')} deciding"
        return f"; {joined([voice.style.word(word) for word in same])} hardly counted, though {calling}"
    named = {score.word.place for score in claims.deciding} | {found.word.place for found in claims.contradictions}
    rest = claims.words - len(named)
    return f"; the other word{'s' * (rest > 1)} hardly counted" if rest and rest == len(claims.minor) else ""


def _contradictions(voice: Voice) -> str:
    """The sharpest contradictions: two where they are the verdict, one beside it."""
    found = voice.claims.contradictions
    told = found[: 2 if voice.claims.verdict is Verdict.CONTRADICTED else 1]
    more = len(found) - len(told)
    said = "; ".join(_contradiction(voice, contradiction) for contradiction in told)
    return said + (f"; likewise for {more} other word{'s' * (more > 1)}" if more else "")


def _contradiction(voice: Voice, found: Contradiction) -> str:
    (pro, for_it), (contra, against_it) = (
        ([name for name, _ in side], {name: signed(score) for name, score in side}) for side in (found.towards, found.away)
    )
    return (
        f"{voice.names(pro, for_it)} {verb(pro, 'counts', 'count')} {voice.style.word(found.word)} {voice.phrases.pro}, "
        f"{voice.names(contra, against_it)} {voice.phrases.contra}"
    )


def _leaders(voice: Voice) -> str:
    """What each method puts first; methods that put the same words first are named together."""
    leaders = {leader.method: leader.words for leader in voice.claims.leaders}
    together: dict[tuple[int, ...], list[str]] = {}
    for method, words in leaders.items():
        together.setdefault(tuple(score.word.place for score in words), []).append(method)
    parts = [
        f"{voice.names(methods)} {verb(methods, 'puts', 'put')} {voice.words(leaders[methods[0]])} first" for methods in together.values()
    ]
    blind = voice.claims.target_blind
    return ", ".join(parts) or f"{voice.names(blind)} {verb(blind, 'gives', 'give')} every word 0"


def _agreement(voice: Voice) -> Iterator[str]:
    claims = voice.claims
    if claims.verdict in (Verdict.NO_METHODS, Verdict.NO_WORDS, Verdict.NO_EFFECT, Verdict.TARGET_BLIND) or claims.words < 2:
        return
    ordering = [method for method in claims.aware if method not in claims.flat]
    if claims.agreeing:
        first, *more = claims.agreeing
        parts = [f"{voice.names(first.methods)} agree (tau {extent(first.lowest, first.highest)})"]
        parts += [f"{voice.names(g.methods)} agree with each other only (tau {extent(g.lowest, g.highest)})" for g in more]
        yield "; ".join([*parts, *_outside(voice, "")])
    elif len(ordering) > 1:
        largest = "" if math.isnan(claims.highest) else f" ({'' if len(ordering) == 2 else 'largest '}tau {figure(claims.highest)})"
        yield f"{'' if len(ordering) == 2 else 'no two of '}{voice.names(ordering)} {'do not ' * (len(ordering) == 2)}agree{largest}"
    elif len(claims.titles) == 1:
        yield f"only {voice.names(claims.aware)} was run, so no other method confirms it"
    elif outside := "; ".join(_outside(voice, f" with {voice.names(ordering)}" if ordering else "")):
        yield outside
    if claims.flat and len(claims.titles) > 1:
        yield f"{voice.names(claims.flat)} {verb(claims.flat, 'gives', 'give')} every word the same score"


def _outside(voice: Voice, whom: str) -> Iterator[str]:
    """How the methods outside the groups stand to the first of them, or to the only method that knows the target."""
    claims = voice.claims
    some = "one" if claims.agreeing and len(claims.agreeing[0].methods) == 2 else "some"
    for methods, one, several, rest in (
        (claims.blind_agreeing, "agrees", "agree", whom or " with them"),
        (claims.partly, "agrees", "agree", f" with {some} of them only"),
        (claims.apart, "does not", "do not", whom and f" agree{whom}"),
    ):
        if methods:
            notes, after = _without_target(voice, methods)
            yield f"{voice.names(methods, notes)}{after} {verb(methods, one, several)}{rest}"


def _without_target(voice: Voice, methods: Sequence[str]) -> tuple[Mapping[str, str], str]:
    """Which of the methods do not know the target: as notes on their names, or, of all of them, after these."""
    blind = [method for method in methods if method in voice.claims.target_blind]
    if len(blind) == len(methods):
        return {}, f", which {verb(blind, 'does', 'do')} not know the answer,"
    if not blind:
        return {}, ""
    who = "blind to the answer" if len(blind) == 1 else f"the last {count(len(blind))} are blind to the answer"
    return {methods[-1]: who}, ""


def _faithfulness(voice: Voice) -> Iterator[str]:
    claims = voice.claims
    values = {entry.method: figure(entry.value) for entry in claims.faithful}
    better, unclear, chance = ([entry for entry in claims.faithful if entry.standing is standing] for standing in Standing)
    best = [entry.method for entry in better if entry.value >= better[0].value - CLOSE]
    parts = []
    if len(claims.faithful) == 1 and best:
        parts.append(f"{voice.names(best, values)} is better than chance")
    elif best:
        parts.append(f"the most faithful {verb(best, 'is', 'are')} {voice.names(best, values)}")
    for entries, said in ((unclear, "not clearly"), (chance, "no")):
        if entries:
            parts.append(f"{voice.names([e.method for e in entries], values)} {verb(entries, 'is', 'are')} {said} better than chance")
    if parts:
        yield f"on this text {'; '.join(parts)}"
    if claims.undefined:
        yield "how faithful the methods are cannot be told: no order of the words is better than another"


def _caveats(voice: Voice) -> Iterator[str]:
    claims = voice.claims
    if claims.special is not None:
        author = f" by {voice.names([claims.quoted])}" if len(claims.titles) > 1 else ""
        token = voice.style.word(claims.special.word)
        yield f"the special token {token} has a larger score than any word{author} ({voice.amount(claims.special.score)})"
    for method, gap in claims.unconverged:
        yield f"the scores of {voice.names([method])} have a numerical error of {number(100 * gap)} %, more than allowed"
