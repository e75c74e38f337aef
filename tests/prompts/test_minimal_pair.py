"""Two prompts that differ a little: words, candidates and scores that changed."""

from __future__ import annotations

import numpy as np
import pytest

from explain import InputError
from explain.prompts import Change, compare_prompts, minimal_pair
from prompts import METHODS, TEXTS


def test_a_minimal_pair_tells_what_changed(comparison):
    first, second = comparison.explanations[1], comparison.explanations[3]  # It was not a good film. / A good film!
    pair = minimal_pair(first, second)
    assert pair.words(Change.KEPT) == ("a", "good", "film")
    assert pair.words(Change.REMOVED) == ("It", "was", "not", ".")
    assert pair.words(Change.ADDED) == ("!",)
    assert pair.score_change == pytest.approx(second.target.logit - first.target.logit, abs=1e-5)
    positive = next(c for c in pair.candidates if c.text == "positive")
    assert (positive.first, positive.second) == (first.target.probability, second.target.probability)
    for name in METHODS:
        assert pair.differences[name].sum() == pytest.approx(second[name].scores.sum() - first[name].scores.sum(), abs=1e-12)
        one = {t.label: s for t, s in zip(first.tokens, first[name].scores, strict=True)}
        other = {t.label.lower(): s for t, s in zip(second.tokens, second[name].scores, strict=True)}
        change = dict(zip(pair.alignment.labels, pair.differences[name], strict=True))
        assert change["good"] == pytest.approx(other["good"] - one["good"], abs=1e-12)
        assert change["not"] == pytest.approx(-one["not"], abs=1e-12)
        assert change["!"] == pytest.approx(other["!"], abs=1e-12)


def test_a_pair_with_two_targets_compares_only_what_has_none(explainer):
    own = compare_prompts(explainer, TEXTS[:2], METHODS).explanations
    pair = minimal_pair(*own)
    assert not pair.same_question
    assert np.isnan(pair.score_change)
    assert np.isnan(pair.differences["input_x_gradient"]).all()
    assert pair.differences["attention"].sum() == pytest.approx(
        own[1]["attention"].scores.sum() - own[0]["attention"].scores.sum(), abs=1e-12
    )
    found = pair.to_dict()
    assert found["score_change"] is None
    assert set(found["differences"]["input_x_gradient"]) == {None}
    with pytest.raises(InputError, match="different models or methods"):
        minimal_pair(own[0], explainer.analyze("a", ["attention"]))
