"""Faithfulness against direct computations, brute force, and models whose right order is known."""

from __future__ import annotations

import functools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from methods.test_known_answers import planted_model
from zoo import FAMILIES, tiny, tokenizer

from explain import InputError, TokenExplainer, UnsupportedError
from explain.evaluation import FaithfulnessRanking, FaithfulnessSettings, Granularity, Replacement, faithfulness, iter_faithfulness
from explain.methods.catalog import make_methods

METHODS = ["attention", "input_x_gradient", "occlusion"]


@pytest.fixture(scope="module")
def bert():
    with TokenExplainer.from_pretrained("distilbert-mini", task="classification") as explainer:
        yield explainer


def measured(explainer, text, methods=METHODS, **settings):
    analysis = explainer.ask(text).single()
    attributions = [analysis.run(method) for method in make_methods(methods)]
    return analysis.scores[0], faithfulness(analysis.scores[0], attributions, FaithfulnessSettings(**settings))


def direct(explainer, score, removed, replacement):
    """Score with the tokens at these places gone, in a pass of its own."""
    ids = score.encoding.inputs["input_ids"][0].clone()
    mask = torch.ones_like(ids)
    keep = torch.ones(len(ids), dtype=torch.bool)
    keep[list(removed)] = False
    if replacement == "mask":
        ids[~keep] = explainer.model.tokenizer.mask_token_id
    elif replacement == "delete":
        ids, mask = ids[keep], mask[keep]
    else:
        mask = keep.long()
    model = explainer.model.model
    with torch.no_grad():
        logits = model(input_ids=ids[None], attention_mask=mask[None]).logits[0]
    return float(logits[score.target.index])


@pytest.mark.parametrize("replacement", ["mask", "delete", "attention_mask"])
def test_curves_are_what_single_passes_give(bert, replacement):
    score, found = measured(bert, "the plot is thin but it works", replacement=Replacement(replacement), granularity=Granularity.TOKENS)
    places = [i for i, token in enumerate(score.encoding.tokens) if not token.special]
    assert found.replacement == replacement

    @functools.cache
    def without(gone):
        return direct(bert, score, [places[p] for p in gone], replacement)

    for curve in (*found.curves, found.best, found.worst):
        for k in range(len(places) + 1):
            first, rest = frozenset(curve.order[:k]), frozenset(curve.order[k:])
            assert curve.deletion[k] == pytest.approx(without(first), abs=2e-5)
            assert curve.insertion[k] == pytest.approx(without(rest), abs=2e-5)
        whole = curve.deletion[0]
        assert curve.comprehensiveness == pytest.approx(np.mean([whole - score for score in curve.deletion[1:-1]]))
        assert curve.sufficiency == pytest.approx(np.mean([whole - score for score in curve.insertion[1:-1]]))


def test_the_replacement_that_was_chosen_is_told(bert):
    assert measured(bert, "it is not a good movie", replacement=Replacement.AUTO)[1].replacement == "mask"


def test_methods_are_ordered_by_their_signed_scores(bert):
    analysis = bert.ask("it is not a good movie")
    method = make_methods(["occlusion"])[0]
    attribution = analysis.run(method)
    found = faithfulness(analysis.scores[0], [attribution], FaithfulnessSettings(granularity=Granularity.TOKENS))
    scores = attribution.scores[[i for i, token in enumerate(attribution.tokens) if not token.special]]
    assert list(found["occlusion"].order) == sorted(range(len(scores)), key=lambda i: -scores[i])


@pytest.mark.parametrize("text", ["the plot is thin but it works", "A waste of time and talent."])
def test_nothing_is_outside_the_bounds(bert, text):
    _, found = measured(bert, text)
    for curve in found.curves:
        assert found.worst.comprehensiveness - 1e-9 <= curve.comprehensiveness <= found.best.comprehensiveness + 1e-9
        assert curve.sufficiency >= found.worst.comprehensiveness - 1e-9
        assert found.normalised_comprehensiveness(curve) <= 1 + 1e-9
        assert found.normalised_sufficiency(curve) <= 1 + 1e-9
        assert 0 <= found.between_bounds(curve) <= 1 + 1e-9
    assert found.normalised_comprehensiveness(found.best) == pytest.approx(1.0)
    random = replace(found.best, deletion=found.random.deletion, insertion=found.random.insertion)
    assert found.normalised_comprehensiveness(random) == pytest.approx(0.0, abs=1e-9)
    assert found.normalised_sufficiency(random) == pytest.approx(0.0, abs=1e-9)
    assert found.best_insertion[-1] == pytest.approx(found.best.deletion[0])
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("name", [name for name in FAMILIES if "albert" not in name])
def test_every_kind_of_model_can_be_measured(name):
    family = tiny(name)
    with family.explainer() as explainer:
        _, found = measured(explainer, family.text, ["input_x_gradient"], orders=3, beam=1)
    assert len(found.features) >= len(family.text.split()) - 1
    assert found.best.comprehensiveness >= found["input_x_gradient"].comprehensiveness - 1e-6


LINEAR = [
    f"{a} {word} {b}" for word in ("good", "bad") for a in ("the film was", "it was a", "actors saved") for b in ("plot but it", "very")
]


@pytest.fixture(scope="module")
def linear():
    with TokenExplainer(planted_model(), tokenizer(opening=False), task="classification") as explainer:
        yield explainer


def test_the_method_that_is_right_wins_and_the_interval_says_so(linear):
    results = list(
        iter_faithfulness(linear, LINEAR, ["attention", "occlusion", "input_x_gradient"], settings=FaithfulnessSettings(beam=8), target=1)
    )
    found = FaithfulnessRanking.of(results)
    assert found.texts == len(LINEAR)
    assert found.overall["occlusion"].mean == pytest.approx(1.0, abs=1e-6)
    assert found.overall["occlusion"].low > found.overall["attention"].high
    assert (found.rank["occlusion"], found.rank["input_x_gradient"], found.rank["attention"]) == (1, 1, 3)


def test_identical_methods_tie_and_an_opposite_one_is_worse_than_random(linear):
    results = []
    for text in LINEAR:
        analysis = linear.ask(text, target=1)
        right = analysis.run(make_methods(["occlusion"])[0])
        twin, opposite = replace(right, method="twin"), replace(right, method="opposite", scores=-right.scores)
        results.append(faithfulness(analysis.scores[0], [right, twin, opposite]))
    found = FaithfulnessRanking.of(results)
    assert (found.rank["occlusion"], found.rank["twin"], found.rank["opposite"]) == (1, 1, 3)
    assert found.overall["opposite"].high < 0
    assert found.deletion["twin"].mean == pytest.approx(found.deletion["occlusion"].mean)
    assert found.deletion["best found"].mean[10] <= found.deletion["random"].mean[10]
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_model_that_does_not_care_cannot_be_ranked(linear):
    _, found = measured(linear, "the film was it", methods=["occlusion"])
    assert np.isnan(found.overall(found["occlusion"]))
    assert found.to_dict()["methods"]["occlusion"]["overall"] is None
    with pytest.raises(InputError, match="nothing to rank"):
        FaithfulnessRanking.of([found])


def test_what_cannot_be_measured_is_said(bert):
    analysis = bert.ask("A fine film.")
    score = analysis.scores[0]
    scored = [analysis.run(method) for method in make_methods(["input_x_gradient"])]
    with pytest.raises(InputError, match="Choose at least one"):
        faithfulness(score, [])
    with pytest.raises(InputError, match="2 to 100 tokens or words, got 1"):
        faithfulness(bert.ask("fine").scores[0], [bert.ask("fine").run(make_methods(["occlusion"])[0])])
    with pytest.raises(InputError, match="other tokens than the question"):
        faithfulness(bert.ask("Another text altogether.").scores[0], scored)
    with pytest.raises(InputError, match="beam of 1 to"):
        faithfulness(score, scored, FaithfulnessSettings(beam=0))
    with pytest.raises(InputError, match="different methods"):
        FaithfulnessRanking.of([measured(bert, "A fine film.", ["occlusion"])[1], measured(bert, "A fine film.", ["attention"])[1]])
    with (
        TokenExplainer.from_pretrained("gpt2-mini", task="classification") as gpt2,
        pytest.raises(UnsupportedError, match="no mask token"),
    ):
        measured(gpt2, "A fine film.", ["occlusion"], replacement=Replacement.MASK)


def test_results_repeat_and_depend_on_the_seed(bert):
    one, other, third = (measured(bert, "A waste of time and talent.", seed=seed)[1].to_dict() for seed in (0, 0, 1))
    for result in (one, other, third):
        result.pop("seconds")
    assert one == other
    assert one["random"] != third["random"]
