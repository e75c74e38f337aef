"""Agreement against direct counts, scipy on single pairs, and attention that is known."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from zoo import TEXT

from explain import Family, InputError, TokenExplainer
from explain.defaults import DEFAULT_METHODS
from explain.evaluation import Granularity, MeanAgreement, Measure, agreement, attention_agreement, evaluate_agreement, iter_agreement
from explain.similarity import kendall, overlap

SENTENCES = ("The plot is thin, but the acting is wonderful.", "A waste of time and talent.", "It is not a good movie.")


@pytest.fixture(scope="module")
def explanations():
    with TokenExplainer.from_pretrained("distilbert-mini", task="classification") as explainer:
        return [explainer.analyze(text, ["input_x_gradient", "attention", "lrp", "attention_rollout"]) for text in SENTENCES]


def test_internal_methods_come_first_and_the_diagonal_is_one(explanations):
    found = agreement(explanations[0])
    assert found.methods == ("attention", "attention_rollout", "input_x_gradient", "lrp")
    assert found.families == (Family.INTERNAL, Family.INTERNAL, Family.EXTERNAL, Family.EXTERNAL)
    for matrix in found.matrices.values():
        assert np.diag(matrix) == pytest.approx(np.ones(4))
        assert np.array_equal(matrix, matrix.T)
        assert np.abs(matrix).max() <= 1 + 1e-12


def test_every_pair_is_what_its_definition_says(explanations):
    explanation = explanations[0]
    found = agreement(explanation, k=3)
    kept = [i for i, token in enumerate(explanation.tokens) if not token.special]
    for (row, first), (column, second) in combinations(enumerate(found.methods), 2):
        one, other = explanation[first], explanation[second]
        a, b = one.scores[kept], other.scores[kept]
        if not (one.signed and other.signed):
            a, b = abs(a), abs(b)
        pairs = [(np.sign(a[i] - a[j]), np.sign(b[i] - b[j])) for i, j in combinations(range(len(a)), 2)]
        tau = sum(x * y for x, y in pairs) / np.sqrt(sum(x != 0 for x, _ in pairs) * sum(y != 0 for _, y in pairs))
        ranks = [stats.rankdata(values) for values in (a, b)]
        tops = [set(np.argsort(-abs(values))[:3]) for values in (a, b)]
        assert found.matrices[Measure.KENDALL][row, column] == pytest.approx(tau, abs=1e-12)
        assert found.matrices[Measure.SPEARMAN][row, column] == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-12)
        assert found.matrices[Measure.COSINE][row, column] == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)), abs=1e-12)
        assert found.matrices[Measure.TOP_K][row, column] == pytest.approx(len(tops[0] & tops[1]) / 3)


def test_words_are_compared_as_sums(explanations):
    explanation = explanations[0]
    merged = agreement(explanation, granularity=Granularity.WORDS)
    assert merged.features == ("The", "plot", "is", "thin", ",", "but", "the", "acting", "is", "wonderful", ".")


@given(hnp.arrays(float, 6, elements=st.integers(-3, 3)), hnp.arrays(float, 6, elements=st.integers(-3, 3)), st.integers(1, 6))
@settings(max_examples=200, deadline=None)
def test_top_k_does_not_depend_on_the_order_of_tied_tokens(first, second, k):
    order = np.random.default_rng(0).permutation(6)
    assert overlap(first, second, k) == pytest.approx(overlap(first[order], second[order], k))
    assert overlap(first, first, 6) == pytest.approx(1.0)
    assert 0 <= overlap(first, second, k) <= 1 + 1e-12


def test_a_constant_ranking_has_no_correlation(explanations):
    explanation = explanations[0]
    flat = replace(explanation["lrp"], scores=np.ones(len(explanation.tokens)))
    found = agreement(replace(explanation, attributions=(explanation["input_x_gradient"], flat)))
    assert np.isnan(found.matrices[Measure.KENDALL][0, 1])
    assert found.to_dict()["kendall"][0][1] is None
    assert np.isnan(kendall(np.zeros(3), np.arange(3.0)))


def test_means_over_texts_lie_within_their_intervals(explanations):
    results = [agreement(explanation) for explanation in explanations]
    found = MeanAgreement.of(results)
    for measure in Measure:
        interval = found.matrices[measure]
        assert interval.mean == pytest.approx(np.mean([result.matrices[measure] for result in results], axis=0))
        assert (interval.low <= interval.mean + 1e-12).all()
        assert (interval.mean <= interval.high + 1e-12).all()
    assert found.texts == 3
    again = MeanAgreement.of(results)
    assert np.array_equal(again.matrices[Measure.KENDALL].low, found.matrices[Measure.KENDALL].low)


def test_the_head_that_a_method_copies_agrees_with_it(explanations):
    explanation = explanations[0]
    attention = explanation["attention"]
    copied = attention.maps["self"][2, 3][list(attention.positions)].mean(0)
    made = replace(explanation["lrp"], scores=-copied)
    found = attention_agreement(replace(explanation, attributions=(attention, made)), "lrp")
    assert found.shape == attention.maps["self"].shape[:2]
    assert found[2, 3] == pytest.approx(1.0)
    kept = [i for i, token in enumerate(explanation.tokens) if not token.special]
    expected = stats.spearmanr(attention.maps["self"][0, 0][list(attention.positions)].mean(0)[kept], copied[kept]).statistic
    assert found[0, 0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("group", ["cross", "encoder"])
def test_an_encoder_decoder_aligns_over_its_input(group):
    with TokenExplainer.from_pretrained("t5-mini", task="span_infilling") as explainer:
        explanation = explainer.analyze("She went to the <extra_id_0> to buy some bread.", ["attention", "lrp"], step=0)
    found = attention_agreement(explanation, "lrp", group=group)
    assert found.shape == explanation["attention"].maps[group].shape[:2]
    assert np.isfinite(found).all()
    with pytest.raises(InputError, match="does not lead to the input"):
        attention_agreement(explanation, "lrp", group="decoder")


def test_what_cannot_be_compared_is_said(explanations):
    explanation = explanations[0]
    with pytest.raises(InputError, match="at least two, got 1"):
        agreement(replace(explanation, attributions=explanation.attributions[:1]))
    with pytest.raises(InputError, match="k must be between 1 and"):
        agreement(explanation, k=99)
    with pytest.raises(InputError, match="no shap"):
        attention_agreement(explanation, "shap")
    with pytest.raises(InputError, match="different methods"):
        MeanAgreement.of([agreement(explanation), agreement(replace(explanation, attributions=explanation.attributions[:2]))])
    with pytest.raises(InputError, match="at least one"):
        MeanAgreement.of([])


def test_the_verb_over_texts_is_the_mean_over_explanations(explanations):
    methods = [a.method for a in explanations[0]]
    with TokenExplainer.from_pretrained("distilbert-mini", task="classification") as explainer:
        one_by_one = list(iter_agreement(explainer, SENTENCES, methods, k=2))
        found = evaluate_agreement(explainer, SENTENCES, methods, k=2, samples=200, seed=4)
        contrast = next(iter_agreement(explainer, SENTENCES[:1], methods, target="negative", foil="positive"))
        turned = agreement(explainer.analyze(SENTENCES[0], methods, target="negative", foil="positive"))
    for measure in Measure:
        for result, explanation in zip(one_by_one, explanations, strict=True):
            assert result.matrices[measure] == pytest.approx(agreement(explanation, k=2).matrices[measure], abs=1e-12)
        mean = MeanAgreement.of(one_by_one, samples=200, seed=4).matrices[measure]
        assert np.array_equal(found.matrices[measure].mean, mean.mean)
        assert np.array_equal(found.matrices[measure].low, mean.low)
        assert contrast.matrices[measure] == pytest.approx(turned.matrices[measure], abs=1e-12)
    assert found.titles == {
        "attention": "Attention",
        "attention_rollout": "Attention rollout",
        "input_x_gradient": "Gradient x input",
        "lrp": "LRP",
    }


def test_default_methods_can_be_compared():
    with TokenExplainer.from_pretrained("gpt2-mini", task="next_token") as explainer:
        found = agreement(explainer.analyze(TEXT, DEFAULT_METHODS))
    assert set(found.to_dict()) == {"methods", "titles", "families", "features", "k", "kendall", "spearman", "top_k", "cosine"}
