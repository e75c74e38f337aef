"""Paired differences between methods and between prompts, against direct counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from explain import InputError
from explain.prompts import PromptComparison, compare_prompts, concentration, method_difference, score_difference
from prompts import METHODS, TEXTS


def test_methods_are_compared_in_pairs(comparison):
    def share(explanation, method):
        sizes = [abs(score) for token, score in zip(explanation.tokens, explanation[method].scores, strict=True) if not token.special]
        return max(sizes) / sum(sizes)

    found = method_difference(comparison, "attention", "input_x_gradient")
    expected = [share(e, "input_x_gradient") - share(e, "attention") for e in comparison]
    assert found.values == pytest.approx(expected, abs=1e-12)
    assert float(found.interval.mean) == pytest.approx(np.mean(expected))
    assert min(expected) <= found.interval.low <= found.interval.mean <= found.interval.high <= max(expected)
    total = method_difference(comparison, "attention", "input_x_gradient", lambda e, m: float(e[m].scores.sum()))
    assert total.values == pytest.approx([e["input_x_gradient"].scores.sum() - e["attention"].scores.sum() for e in comparison])
    with pytest.raises(InputError, match="not explained by 'lrp'"):
        method_difference(comparison, "lrp", "attention")


def test_prompts_without_the_quantity_are_left_out(comparison):
    first = comparison.results[0]
    flat = replace(first.explanation["attention"], scores=np.zeros(len(first.explanation.tokens)))
    zero = replace(first, explanation=replace(first.explanation, attributions=(flat, first.explanation["input_x_gradient"])))
    assert np.isnan(concentration(zero.explanation, "attention"))
    found = method_difference(PromptComparison((zero, *comparison.results[1:])), "attention", "input_x_gradient")
    assert np.isnan(found.values).tolist() == [True, False, False, False]
    assert float(found.interval.mean) == pytest.approx(np.mean(found.values[1:]))
    assert found.to_dict()["values"][0] is None
    with pytest.raises(InputError, match="On no prompt"):
        method_difference(PromptComparison((zero,)), "attention", "input_x_gradient")


def test_scores_of_partners_are_subtracted(explainer, comparison):
    logits = [e.target.logit for e in comparison]
    assert score_difference(comparison).values == pytest.approx([logits[1] - logits[0], logits[3] - logits[2]], abs=1e-5)
    one = score_difference(comparison, [(3, 1)])
    assert one.values == pytest.approx([logits[1] - logits[3]], abs=1e-5)
    assert np.isnan(one.interval.low)
    assert (one.first, one.second) == ((TEXTS[3],), (TEXTS[1],))
    with pytest.raises(InputError, match="no prompt 9"):
        score_difference(comparison, [(0, 9)])
    odd = PromptComparison(comparison.results[:3])
    with pytest.raises(InputError, match="3 prompts do not go into pairs"):
        score_difference(odd)
    own = compare_prompts(explainer, TEXTS[:2], METHODS)
    with pytest.raises(InputError, match="'positive' and 'negative'"):
        score_difference(own)
