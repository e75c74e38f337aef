"""Every claim of a verdict, recomputed slowly from the token scores."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from explain.results import Explanation
from explain.summary import Effect, Standing, Summary, Verdict
from explain.summary.style import figure
from explain.tokens import words
from explain.types import Unit


def slow_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's tau-b from its definition."""
    pairs = list(itertools.combinations(range(len(first)), 2))
    both = [np.sign(first[i] - first[j]) * np.sign(second[i] - second[j]) for i, j in pairs]
    one, other = (sum(values[i] != values[j] for i, j in pairs) for values in (first, second))
    return float(sum(both)) / math.sqrt(one * other) if one and other else math.nan


def check(explanation: Explanation, summary: Summary, faithfulness: Any = None) -> None:
    """Recompute every claim of a summary from the token scores."""
    groups = [word for word in words(explanation.tokens, explanation.text) if not word.special]
    scores = {a.method: [math.fsum(a.scores[i] for i in word.indices) for word in groups] for a in explanation}
    kept = {a.method: a for a in explanation}
    aware = [a.method for a in explanation if not a.target_blind]
    floor = {m: 1e-6 * max(0.0 if explanation.unit is Unit.PROBABILITY else 1.0, abs(kept[m].output)) for m in kept}
    top = {m: max(map(abs, scores[m]), default=0.0) for m in kept}
    zero = {m for m in kept if top[m] <= floor[m]}
    flat = {m for m in kept if len(groups) > 1 and (m in zero or len(set(scores[m])) == 1)}
    assert summary.words == len(groups)
    assert set(summary.flat) == flat

    def share(method: str, place: int) -> float:
        return 0.0 if method in zero else scores[method][place] / top[method]

    @functools.cache
    def tau(one: str, other: str) -> float:
        if one in flat or other in flat or len(groups) < 2:
            return math.nan
        signed_both = kept[one].signed and kept[other].signed
        values = [scores[m] if signed_both else [abs(v) for v in scores[m]] for m in (one, other)]
        result = slow_tau(*values)
        if not math.isnan(result):
            assert result == pytest.approx(stats.kendalltau(*values).statistic, abs=1e-9)
        return round(result, 9)

    def calls(method: str, place: int) -> bool:
        return method not in zero and abs(share(method, place)) >= 0.5

    # Agreement: in a group all agree, it is the largest possible, and those outside fall short of somebody in it.
    grouped: list[str] = []
    ordering = [m for m in aware if m not in flat]
    for group in summary.agreeing:
        values = [tau(*pair) for pair in itertools.combinations(group.methods, 2)]
        assert min(values) >= 0.5
        assert (group.lowest, group.highest) == pytest.approx((min(values), max(values)))
        left = [m for m in ordering if m not in grouped]
        assert set(group.methods) <= set(left)
        for size in range(len(group.methods) + 1, len(left) + 1):
            for larger in itertools.combinations(left, size):
                assert not all(tau(*pair) >= 0.5 for pair in itertools.combinations(larger, 2))
        grouped += group.methods
    rest = [m for m in ordering if m not in grouped]
    assert not any(tau(*pair) >= 0.5 for pair in itertools.combinations(rest, 2))
    first = summary.agreeing[0].methods if summary.agreeing else tuple(ordering) if len(ordering) == 1 else ()
    for method in summary.apart:
        assert not any(tau(method, member) >= 0.5 for member in first)
    for method in summary.partly:
        assert len({tau(method, member) >= 0.5 for member in first}) == 2
    for method in summary.blind_agreeing:
        assert kept[method].target_blind
        assert all(tau(method, member) >= 0.5 for member in first)
    if not summary.agreeing and not math.isnan(summary.highest):
        assert summary.highest == pytest.approx(np.nanmax([tau(*pair) for pair in itertools.combinations(ordering, 2)]))
    assert summary.target_blind == tuple(a.method for a in explanation if a.target_blind)

    # Faithfulness.
    disbelieved = set()
    if faithfulness is not None:
        known = {c.name: faithfulness.overall(c) for c in faithfulness.curves if c.name in kept and not math.isnan(faithfulness.overall(c))}
        assert [(entry.method, entry.value) for entry in summary.faithful] == sorted(known.items(), key=lambda item: -item[1])
        for entry in summary.faithful:
            assert entry.better_than_chance == (entry.value > summary.chance)
            assert (entry.standing is Standing.CHANCE) == (entry.value <= summary.chance and entry.value <= summary.chance / 2)
        disbelieved = {entry.method for entry in summary.faithful if entry.standing is Standing.CHANCE}
    believed = [m for m in aware if m not in zero and m not in disbelieved]

    # What decided.
    opposed = {
        place
        for place in range(len(groups))
        for one, other in itertools.permutations([m for m in believed if kept[m].signed], 2)
        if calls(one, place) and share(one, place) * share(other, place) < 0 and abs(share(other, place)) >= 0.25
    }
    if summary.verdict in (Verdict.DECIDED, Verdict.CONTRADICTED, Verdict.SPLIT):
        assert {c.word.place for c in summary.contradictions} == opposed
        assert set(summary.rests_on) <= set(believed)
        shared = [p for p in range(len(groups)) if all(calls(m, p) for m in summary.rests_on)]
        assert [w.word.place for w in sorted(summary.deciding, key=lambda w: w.word.place)] == [p for p in shared if p not in opposed]
        assert (summary.verdict is Verdict.SPLIT) == (not shared)
        assert (summary.verdict is Verdict.CONTRADICTED) == bool(shared and not summary.deciding)
        trusted = [entry.method for entry in summary.faithful if entry.method in believed]
        if trusted:
            assert summary.rests_on == (trusted[0],)
        elif len(believed) > 1:
            assert summary.rests_on == tuple(believed) or all(tau(*pair) >= 0.5 for pair in itertools.combinations(summary.rests_on, 2))
    else:
        assert not summary.deciding
        expected = {
            Verdict.NO_METHODS: not kept,
            Verdict.NO_WORDS: not groups,
            Verdict.TARGET_BLIND: not aware,
            Verdict.NO_EFFECT: set(aware) <= zero,
            Verdict.CHANCE: not believed,
        }
        assert expected[summary.verdict]
    for contradiction in summary.contradictions:
        place = contradiction.word.place
        for side, sign in ((contradiction.towards, 1), (contradiction.away, -1)):
            assert dict(side) == pytest.approx({m: scores[m][place] for m in believed if kept[m].signed and sign * share(m, place) >= 0.25})
    for leader in summary.leaders:
        assert all(abs(share(leader.method, w.word.place)) >= 0.99 for w in leader.words)
        assert leader.words
    quoted = summary.quoted
    for word in (*summary.deciding, *summary.minor):
        assert quoted in (summary.rests_on or aware)
        assert word.score == pytest.approx(scores[quoted][word.word.place])
        assert word.word.text == groups[word.word.place].text
    sizes = [abs(word.score) for word in summary.deciding]
    assert sizes == sorted(sizes, reverse=True)
    for group in summary.alike:
        values = [scores[quoted][place] for place in group]
        assert max(values) - min(values) <= 0.0201 * top[quoted]
        assert {w.word.place for w in summary.deciding} >= set(group)
    for word in summary.minor:
        assert all(abs(share(m, word.word.place)) <= 0.05 for m in summary.rests_on)
    for disputed in summary.disputed:
        place = disputed.word.place
        assert place in {word.word.place for word in summary.minor}
        assert set(disputed.methods) == {m for m in kept if m not in summary.rests_on and m not in flat and calls(m, place)}
    if summary.deciding and summary.effect is not Effect.COUNTED:
        check_effect(explanation, summary, scores[quoted])
    check_sentences(explanation, summary)


def check_effect(explanation: Explanation, summary: Summary, scores: list[float]) -> None:
    sign = math.copysign(1, summary.deciding[0].score)
    total = sum(word.score for word in summary.deciding if word.score * sign > 0)
    if summary.effect is Effect.TURNED:
        border = 0.0 if explanation.foil is not None else {Unit.PROBABILITY: 0.5, Unit.LOG_PROBABILITY: math.log(0.5)}[explanation.unit]
        output = explanation[summary.quoted].output
        assert (output - border) * (output - total - border) <= 0
        assert summary.turned_to == explanation.prediction.candidates[0].text
    elif summary.effect is Effect.MADE:
        assert sign > 0
        assert explanation.target.index == explanation.prediction.candidates[0].index
        assert total >= 0.5 * sum(score for score in scores if score > 0) - 1e-12


def check_sentences(explanation: Explanation, summary: Summary) -> None:
    """What is printed is what is claimed: words, scores, taus, faithfulness."""
    text = summary.text
    head = text.split(". ")[0]
    if summary.verdict is Verdict.DECIDED:
        first = summary.deciding[0]
        assert re.match(rf"(The \w+ )?“{re.escape(first.word.text)}”", head)
        printed = re.findall(r"“(\S+)” \((?:[A-Za-z _]+ )?([+−]?[\d.e-]+)\)", head)
        assert printed
        for word, shown in printed:
            values = [claim.score for claim in summary.deciding if claim.word.text == word]
            unit = 10.0 ** -len(shown.partition(".")[2]) if "e" not in shown else abs(float(shown.replace("−", "-"))) / 10
            assert any(abs(abs(value) - abs(float(shown.replace("−", "-")))) <= unit / 2 * 1.0001 for value in values)
            assert summary.effect is Effect.COUNTED or any((value > 0) == shown.startswith("+") for value in values)
    taus = [float(shown.replace("−", "-")) for pair in re.findall(r"tau (\S+?)(?: to (\S+?))?\)", text) for shown in pair if shown]
    known = [value for group in summary.agreeing for value in (group.lowest, group.highest)] + [summary.highest]
    assert all(any(abs(shown - value) <= 0.005001 for value in known) for shown in taus)
    told = text.partition("On this text ")[2].partition(". ")[0]
    for entry in summary.faithful:
        title = explanation[entry.method].title.lower()
        if f"{title} (" in told.lower():
            assert f"{title} ({figure(entry.value)})" in told.lower()
        assert entry.better_than_chance or f"{title} (" in told.lower()
    assert (" no better than chance" in text) == any(e.standing is Standing.CHANCE for e in summary.faithful)
    assert text.endswith(".")
    assert "  " not in text
    assert "nan" not in text
