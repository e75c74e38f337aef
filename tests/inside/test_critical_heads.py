"""Heads off together against plain hooks, and means over texts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cases import Case
from hooks import answer, projections, with_slice
from zoo import tiny

from explain import InputError
from explain.inside.critical_heads import ablated_attribution, cumulative, over_texts, switched_off
from explain.methods.attention_rollout import AttentionRollout
from explain.methods.head_ablation import Ablation, Head, head_effects
from explain.methods.input_x_gradient import InputXGradient
from explain.methods.lrp import LRP

TOLERANCE = 1e-5


def test_all_heads_of_a_layer_are_the_attention_output(exact: Case) -> None:
    score = exact.score()
    for group, sites in score.trace.sites.items():
        curve = cumulative(score, [Head(group, sites[-1].layer)])
        module = projections(exact.made.model, group)[sites[-1].layer]
        off = with_slice(module, 1, 0, torch.zeros_like, lambda: answer(score))
        assert curve.scores[1] == pytest.approx(off[0], abs=TOLERANCE * max(1, abs(off[0])))


@pytest.mark.parametrize("ablation", list(Ablation))
def test_the_curve_switches_off_one_head_after_the_other(exact: Case, ablation: Ablation) -> None:
    score = exact.score()
    result = head_effects(score, ablation)
    curve = cumulative(score, result.ranked, ablation)
    first = result.ranked[0]
    assert len(curve.scores) == len(curve.probabilities) == len(curve.changed) == len(result.ranked) + 1
    assert curve.heads == result.ranked
    assert curve.scores[0] == pytest.approx(result.score, abs=TOLERANCE)
    assert curve.scores[1] == pytest.approx(result.score - result.effect[first.group][first.layer, first.index], abs=1e-4)
    assert curve.changed[0] == 0
    assert curve.changed[1] == result.flips[first.group][first.layer, first.index]
    everything = cumulative(score, [Head(g, s.layer) for g, sites in score.trace.sites.items() for s in sites], ablation)
    assert curve.scores[-1] == pytest.approx(everything.scores[-1], abs=TOLERANCE * max(1, abs(result.score)))
    # the two first heads together, by two hooks
    second = result.ranked[1]
    modules = [projections(exact.made.model, head.group)[head.layer] for head in (first, second)]

    def value(part: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(part)

    if ablation is Ablation.ZERO:
        both = with_slice(modules[0], 4, first.index, value, lambda: with_slice(modules[1], 4, second.index, value, lambda: answer(score)))
        assert curve.scores[2] == pytest.approx(both[0], abs=TOLERANCE * max(1, abs(both[0])))


def test_attribution_with_heads_off_is_that_of_the_changed_model(case: Case) -> None:
    score = case.score()
    group, sites = next(iter(score.trace.sites.items()))
    off = [Head(group, sites[0].layer, 1)]
    found = ablated_attribution(score, InputXGradient(), off)
    module = projections(case.made.model, group)[0]
    expected = with_slice(module, 4, 1, torch.zeros_like, lambda: InputXGradient().attribute(score.anew()))
    assert found.ablated.scores == pytest.approx(expected.scores, abs=1e-4 * max(1, float(np.abs(expected.scores).max())))
    assert found.ablated.output == pytest.approx(expected.output, abs=1e-4)
    assert np.array_equal(found.normal.scores, InputXGradient().attribute(score).scores)
    assert found.difference == pytest.approx(found.ablated.scores - found.normal.scores)
    for method in (AttentionRollout(), LRP(ledger=False)):
        changed = ablated_attribution(score, method, off)
        assert changed.difference.any()
    assert score.anew().value() == pytest.approx(score.value(), abs=1e-5)  # all heads are on again


def test_heads_are_off_only_within(case: Case) -> None:
    score = case.score()
    group, sites = next(iter(score.trace.sites.items()))
    before = answer(score)
    with switched_off(score, [Head(group, site.layer) for site in sites]):
        assert answer(score)[0] != before[0]
        assert score.anew().value() != pytest.approx(before[0], abs=1e-6)
    assert answer(score) == pytest.approx(before, abs=0, nan_ok=True)


def test_over_texts_averages_and_bounds() -> None:
    made = tiny("bert-class", deep=True)
    with made.explainer() as explainer:
        texts = [made.text, "the plot was bad", "it was a good film"]
        results = [head_effects(explainer.ask(text, target=1).scores[0]) for text in texts]
    for group, found in over_texts(results, samples=200).items():
        values = np.stack([result.effect[group] for result in results])
        assert found.mean == pytest.approx(values.mean(0))
        assert (found.low <= found.mean + 1e-12).all()
        assert (found.mean <= found.high + 1e-12).all()
        assert np.array_equal(found.low, over_texts(results, samples=200)[group].low)
    with pytest.raises(InputError, match="at least one"):
        over_texts([])


def test_a_head_that_does_not_exist_is_named(case: Case) -> None:
    score = case.score()
    group = next(iter(case.model.attention_groups))
    for head, message in (
        (Head(group, 0, 9), "There is no head 9 in layer 0"),
        (Head(group, 0, -1), "There is no head -1 in layer 0"),
        (Head(group, 7, 0), "There is no head 0 in layer 7"),
        (Head("middle", 0, 0), "There is no head 0 in layer 0 of 'middle'. There are: "),
    ):
        with pytest.raises(InputError, match=message):
            cumulative(score, [head])
