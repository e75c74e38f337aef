"""From an explanation to the claims of its verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from explain.summary.claims import (
    Asked,
    Claims,
    Contradiction,
    Disputed,
    Effect,
    FaithfulMethod,
    Leader,
    NamedWord,
    Standing,
    Verdict,
    WordScore,
)
from explain.summary.scored import AGREE, Scored, Taus, agreeing, central, groups, scored, special_leader, taus
from explain.summary.style import MARKDOWN, PLAIN
from explain.summary.trust import Measured, faithful_methods
from explain.summary.wording import sentences
from explain.types import Target, Unit

if TYPE_CHECKING:
    from explain.results import Explanation

OPPOSED = 0.25
"""Share of its largest score from which on a method's sign is held against another's: of smaller scores the sign is often chance."""
MADE = 0.5
"""Share of all that speaks for the prediction from which on words are said to have made it: at least as much as all others together."""
SURE = 0.5
"""Probability above which an output token is what the model says, whatever the others are."""


@dataclass(frozen=True)
class Summary(Claims):
    """The verdict on one text: its claims as data, and in words."""

    @property
    def text(self) -> str:
        """Plain sentences."""
        return " ".join(sentences(self, PLAIN))

    @property
    def markdown(self) -> str:
        """The same with emphasis; what comes from the text or the model is escaped, so that no markup comes of it."""
        return " ".join(sentences(self, MARKDOWN))

    def __str__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON: the claims, `text` and `markdown`."""
        return {**super().to_dict(), "text": self.text, "markdown": self.markdown}


def summarise(explanation: Explanation, faithfulness: Measured | None = None) -> Summary:
    """The verdict on one text, by the rules of `explain.summary`.

    Args:
        explanation: By one or several methods.
        faithfulness: What is known of them on this very text (`explain.evaluation.faithfulness`); methods it does not have, and methods
            that the explanation does not have, are left out.
    """
    named, methods = scored(explanation)
    between = taus(methods)
    faithful, chance, undefined = faithful_methods(faithfulness, [method.method for method in methods])
    return Summary(
        asked=_asked(explanation),
        titles={method.method: method.attribution.title for method in methods},
        words=len(named),
        target_blind=tuple(method.method for method in methods if method.attribution.target_blind),
        faithful=faithful,
        chance=chance,
        undefined=undefined,
        **_agreement(methods, between),
        **_decision(explanation, named, methods, between, faithful),
    )


def _asked(explanation: Explanation) -> Asked:
    steps, outputs = explanation.prediction.steps, explanation.outputs
    foil = None if explanation.foil is None else explanation.foil.text
    if not outputs:
        return Asked(explanation.task, explanation.target.text, foil)
    if foil is None and (len(outputs) == len(steps) or outputs[0].text == explanation.prediction.text):
        return Asked(explanation.task, explanation.prediction.text, None, None, len(steps), whole=True)
    step = steps.index(outputs[0]) if outputs[0] in steps else None
    return Asked(explanation.task, explanation.target.text, foil, step, len(steps), passage=outputs[0].index < 0)


def _agreement(methods: Sequence[Scored], between: Taus) -> dict[str, Any]:
    """Which methods agree."""
    numbers = range(len(methods))
    aware = [i for i in numbers if not methods[i].attribution.target_blind and not methods[i].flat]
    blind = [i for i in numbers if methods[i].attribution.target_blind and not methods[i].flat]
    found = groups(aware, between)
    first = found[0] if found else tuple(aware) if len(aware) == 1 else ()
    left = [i for i in (*aware, *blind) if not any(i in group for group in (*found, first))]
    agreed = {i: [between(i, member) >= AGREE for member in first] for i in left if first}
    known = {i for i in agreed if any(not math.isnan(between(i, member)) for member in first)}
    pairs = [value for pair in combinations(aware, 2) if not math.isnan(value := between(*pair))]

    def names(chosen: Sequence[int]) -> tuple[str, ...]:
        return tuple(methods[i].method for i in chosen)

    return {
        "agreeing": tuple(agreeing(group, methods, between) for group in found),
        "apart": names([i for i in agreed if i in known and not any(agreed[i])]),
        "partly": names([i for i in agreed if any(agreed[i]) and not all(agreed[i])]),
        "blind_agreeing": names([i for i in agreed if all(agreed[i])]),
        "highest": float("nan") if found else max(pairs, default=float("nan")),
        "flat": names([i for i in numbers if methods[i].flat]),
    }


def _decision(
    explanation: Explanation, named: Sequence[NamedWord], methods: Sequence[Scored], between: Taus, faithful: Sequence[FaithfulMethod]
) -> dict[str, Any]:
    """Which words decided, or why none is named."""
    if not methods or not named:
        return {"verdict": Verdict.NO_WORDS if methods else Verdict.NO_METHODS}
    aware = [i for i, method in enumerate(methods) if not method.attribution.target_blind]
    if not aware:
        return {"verdict": Verdict.TARGET_BLIND, "leaders": _leaders(named, methods)}
    moving = [i for i in aware if not methods[i].nothing]
    if not moving:
        quoted = methods[aware[0]]
        return {"verdict": Verdict.NO_EFFECT, "quoted": quoted.method, "special": special_leader(explanation, quoted)}
    by_chance = {entry.method for entry in faithful if entry.standing is Standing.CHANCE}
    believed = [i for i in moving if methods[i].method not in by_chance]
    if not believed:
        return {"verdict": Verdict.CHANCE}
    basis = _basis(believed, methods, between, faithful)
    contradictions = _contradictions(named, [methods[i] for i in believed])
    contested = {contradiction.word.place for contradiction in contradictions}
    common = frozenset.intersection(*(methods[i].deciding for i in basis))
    resting = {"rests_on": tuple(methods[i].method for i in basis), "contradictions": contradictions}
    if not common:
        return {"verdict": Verdict.SPLIT, "leaders": _leaders(named, [methods[i] for i in basis]), **resting}
    quoted = methods[central(basis, methods, between)]
    places = sorted(common - contested, key=lambda place: -abs(quoted.scores[place]))
    minor = sorted(frozenset.intersection(*(methods[i].minor for i in basis)) - contested)
    others = [method for i, method in enumerate(methods) if i not in basis and not method.flat]
    callers = {place: tuple(method.method for method in others if place in method.deciding) for place in minor}
    effect, turned_to = _effect(explanation, quoted, places)
    return {
        "verdict": Verdict.DECIDED if places else Verdict.CONTRADICTED,
        "quoted": quoted.method,
        "deciding": _with_scores(named, quoted, places),
        "effect": effect,
        "turned_to": turned_to,
        "alike": _alike(quoted, places),
        "minor": _with_scores(named, quoted, minor),
        "disputed": tuple(Disputed(named[place], calling) for place, calling in callers.items() if calling),
        "special": special_leader(explanation, quoted),
        "unconverged": tuple((methods[i].method, methods[i].attribution.gap) for i in basis if not methods[i].attribution.within_tolerance),
        **resting,
    }


def _basis(believed: Sequence[int], methods: Sequence[Scored], between: Taus, faithful: Sequence[FaithfulMethod]) -> tuple[int, ...]:
    """The methods that the verdict rests on."""
    numbers = {methods[i].method: i for i in believed}
    known = [numbers[entry.method] for entry in faithful if entry.method in numbers]
    if known:
        return (known[0],)
    found = groups([i for i in believed if not methods[i].flat], between)
    clear = found and (len(found) == 1 or len(found[1]) < len(found[0]))
    return found[0] if clear else tuple(believed)


def _contradictions(named: Sequence[NamedWord], believed: Sequence[Scored]) -> tuple[Contradiction, ...]:
    """The words on whose direction methods with a sign differ, those first that both sides say most clearly."""
    found = []
    signed = [(method.method, method.shares, method.deciding) for method in believed if method.signed]
    for word in named:
        shares = {name: float(values[word.place]) for name, values, _ in signed}
        scores = {method.method: float(method.scores[word.place]) for method in believed}
        high, low = max(shares.values(), default=0.0), min(shares.values(), default=0.0)
        if any(word.place in deciding for _, _, deciding in signed) and min(high, -low) >= OPPOSED:
            towards = tuple((name, scores[name]) for name, share in shares.items() if share >= OPPOSED)
            away = tuple((name, scores[name]) for name, share in shares.items() if -share >= OPPOSED)
            found.append((min(high, -low), Contradiction(word, towards, away)))
    return tuple(contradiction for _, contradiction in sorted(found, key=lambda entry: -entry[0]))


def _effect(explanation: Explanation, quoted: Scored, places: Sequence[int]) -> tuple[Effect, str | None]:
    """What the words did that have the direction of the first, and the answer that they turned it to."""
    if not quoted.signed:
        return Effect.COUNTED, None
    if not places:
        return Effect.SPOKE, None
    scores = quoted.scores
    positive = bool(scores[places[0]] > 0)
    total = float(sum(scores[place] for place in places if (scores[place] > 0) == positive))
    border, other = _border(explanation)
    output = quoted.attribution.output
    if border is not None and other is not None and (output > border) != (output - total > border) and (output > border) == positive:
        answer = explanation.target if positive else other
        if _says(explanation, answer):
            return Effect.TURNED, answer.text
    for_it = float(scores[scores > 0].sum())
    asked = explanation.foil is None and not explanation.outputs and _says(explanation, explanation.target)
    return (Effect.MADE if asked and positive and total >= MADE * for_it else Effect.SPOKE), None


def _border(explanation: Explanation) -> tuple[float | None, Target | None]:
    """The score at which the answer turns from the target to another one, where there are just two."""
    if explanation.foil is not None:
        return 0.0, explanation.foil
    candidates = explanation.prediction.candidates
    shares = [candidate.probability or 0.0 for candidate in candidates]
    two = explanation.task == "classification" and len(candidates) == 2 and math.isclose(sum(shares), 1, abs_tol=1e-4)
    if not two or explanation.unit is Unit.LOGIT:
        return None, None
    other = next(candidate for candidate in candidates if candidate.index != explanation.target.index)
    return (math.log(0.5) if explanation.unit is Unit.LOG_PROBABILITY else 0.5), other


def _says(explanation: Explanation, answer: Target) -> bool:
    """Whether the model itself answers so; of a single output token this is only known if it is more probable than all others."""
    if explanation.outputs:
        return (answer.probability or 0.0) > SURE
    return explanation.prediction.candidates[0].index == answer.index


def _alike(quoted: Scored, places: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Words of one direction that count alike."""
    left, found = list(places), []
    while left:
        same = [place for place in left if quoted.alike(left[0], place)]
        left = [place for place in left if place not in same]
        if len(same) > 1:
            found.append(tuple(same))
    return tuple(found)


def _with_scores(named: Sequence[NamedWord], method: Scored, places: Sequence[int]) -> tuple[WordScore, ...]:
    return tuple(WordScore(named[place], float(method.scores[place])) for place in places)


def _leaders(named: Sequence[NamedWord], methods: Sequence[Scored]) -> tuple[Leader, ...]:
    return tuple(Leader(method.method, _with_scores(named, method, method.leading())) for method in methods if not method.nothing)
