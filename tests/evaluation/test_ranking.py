"""Faithfulness on every family against the plain model, its search against brute force and its limit, and means over texts by hand."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from zoo import tiny

from explain import InputError, TokenExplainer
from explain.evaluation import (
    Curve,
    Faithfulness,
    FaithfulnessRanking,
    FaithfulnessSettings,
    Granularity,
    MethodLabel,
    RandomBand,
    Replacement,
    evaluate_faithfulness,
    faithfulness,
    iter_faithfulness,
)
from explain.evaluation.ranking import GRID
from explain.methods.catalog import make_methods
from explain.types import Family

TEXT = "the plot is thin but it works"


@pytest.fixture(scope="module")
def bert():
    with TokenExplainer.from_pretrained("distilbert-mini", task="classification") as explainer:
        yield explainer


def attributed(analysis, *methods):
    return [analysis.run(method) for method in make_methods(methods)]


@torch.no_grad()
def plain_score(model, name, score, removed, replacement):
    """The explained score without the tokens at these places, from a plain model's own output."""
    inputs = score.encoding.inputs
    length = inputs["input_ids"].shape[1]
    position = score.encoding.position
    ids = inputs["input_ids"][0].clone()
    keep = torch.tensor([place not in removed for place in range(length)])
    more = {}
    if replacement is Replacement.DELETE:
        position = None if position is None else int(keep[: position + 1].sum()) - 1
        ids = ids[keep]
    else:
        ids[~keep] = 4  # [MASK]
    if "decoder_input_ids" in inputs:
        prefix = inputs["decoder_input_ids"][0].clone()
        prefix[[place - length for place in removed if place >= length]] = 4
        more["decoder_input_ids"] = prefix[None]
    logits = model(input_ids=ids[None], **more).logits[0]
    logits = logits if "class" in name else logits[position]
    values = {"logit": logits, "log_probability": logits.log_softmax(-1), "probability": logits.softmax(-1)}[score.unit.value]
    value = values[score.target.index]
    return float(value if score.foil is None else value - values[score.foil.index])


@pytest.mark.parametrize(
    ("name", "replacement"),
    [
        ("bert-masked", Replacement.MASK),
        ("bert-class", Replacement.DELETE),
        ("roberta-class", Replacement.MASK),
        ("albert-masked", Replacement.MASK),
        ("modernbert-masked", Replacement.MASK),
        ("gpt2-next", Replacement.DELETE),
        ("gpt2-class", Replacement.DELETE),
        ("llama-next", Replacement.DELETE),
        ("t5-span", Replacement.MASK),
        ("t5-generation", Replacement.MASK),
    ],
)
@pytest.mark.parametrize("unit", ["logit", "log_probability"])
def test_every_point_of_a_curve_is_the_plain_models_own_answer(name, replacement, unit):
    made = tiny(name)
    plain = deepcopy(made.model)
    foil = None if made.task in ("span_infilling", "generation") else 1
    with made.explainer() as explainer:
        analysis = explainer.ask(made.text, target=None if foil is None else 0, foil=foil, unit=unit).single()
        score = analysis.scores[0]
        settings = FaithfulnessSettings(replacement, Granularity.TOKENS, orders=2, beam=1)
        found = faithfulness(score, attributed(analysis, "occlusion"), settings)
    places = [place for place, token in enumerate(score.encoding.tokens) if not token.special]
    assert len(places) == len(found.features) > 6
    if replacement is Replacement.DELETE:
        counts = range(len(places))  # of nothing, a stand-in is read
    else:
        counts = range(len(places) + 1)
    curve = found["occlusion"]
    for k in counts:
        removed = {places[feature] for feature in curve.order[:k]}
        assert curve.deletion[k] == pytest.approx(plain_score(plain, name, score, removed, replacement), abs=1e-5)
        removed = {places[feature] for feature in curve.order[len(places) - k :]}
        assert curve.insertion[len(places) - k] == pytest.approx(plain_score(plain, name, score, removed, replacement), abs=1e-5)


def test_the_bounds_of_a_short_text_are_those_of_all_orders(bert):
    analysis = bert.ask("It was not so bad")
    found = faithfulness(analysis.scores[0], attributed(analysis, "lrp"), FaithfulnessSettings(beam=10))
    assert len(found.features) == 5

    def comprehensiveness(order):
        score = analysis.scores[0].anew()
        inputs = analysis.encoding.inputs
        total = 0.0
        for k in range(1, 5):
            ids = inputs["input_ids"].clone()
            for feature in order[:k]:
                ids[0, 1 + feature] = bert.model.tokenizer.mask_token_id
            key = tuple(ids[0].tolist())
            if key not in known:
                with torch.no_grad():
                    known[key] = float(score.of_rows({**inputs, "input_ids": ids}, None))
            total += found.best.deletion[0] - known[key]
        return total / 4

    known: dict[tuple[int, ...], float] = {}
    areas = [comprehensiveness(order) for order in permutations(range(5))]
    assert found.best.comprehensiveness == pytest.approx(max(areas), abs=1e-5)
    assert found.worst.comprehensiveness == pytest.approx(min(areas), abs=1e-5)
    narrow = faithfulness(analysis.scores[0], attributed(analysis, "lrp"), FaithfulnessSettings(beam=1))
    assert min(areas) - 1e-5 <= narrow.worst.comprehensiveness < narrow.best.comprehensiveness <= max(areas) + 1e-5


def test_fresh_random_orders_are_near_zero_and_repeat_themselves_exactly(bert):
    analysis = bert.ask(TEXT)
    scored = attributed(analysis, "lrp")
    found = faithfulness(analysis.scores[0], scored, FaithfulnessSettings(orders=100))
    rng = np.random.default_rng(99)
    chance = [replace(scored[0], method=f"chance {number}", scores=rng.normal(size=len(scored[0].scores))) for number in range(100)]
    fresh = faithfulness(analysis.scores[0], chance, FaithfulnessSettings(orders=100))
    for measure in (fresh.normalised_comprehensiveness, fresh.normalised_sufficiency):
        values = [measure(curve) for curve in fresh.curves]
        assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values)) + 0.03
    assert found.random.deletion == pytest.approx(fresh.random.deletion, abs=1e-5)
    assert (found.random.deletion_low <= found.random.deletion + 1e-9).all()
    assert (found.random.deletion <= found.random.deletion_high + 1e-9).all()


def test_a_long_text_gets_a_narrower_beam_and_no_method_is_outside_the_bounds(bert):
    analysis = bert.ask("the film was good but " * 2)
    scored = attributed(analysis, "lrp", "occlusion", "attention")
    found = faithfulness(analysis.scores[0], scored, FaithfulnessSettings(orders=2, limit=20))
    assert found.beam == found.to_dict()["beam"] == 1
    assert faithfulness(analysis.scores[0], scored, FaithfulnessSettings(orders=2, beam=2)).beam == 2
    for curve in found.curves:
        assert found.worst.comprehensiveness <= curve.comprehensiveness <= found.best.comprehensiveness
        assert curve.sufficiency >= found.worst.comprehensiveness


def test_scores_of_another_question_are_refused():
    with TokenExplainer.from_pretrained("gpt2-mini", task="generation") as explainer:
        analysis = explainer.ask("The children went to the park and")
        assert len(analysis.scores) > 1
        quick = FaithfulnessSettings(orders=2, beam=1)
        summed = attributed(analysis, "occlusion")
        with pytest.raises(InputError, match=r"the sum over \d+\. Choose one step"):
            faithfulness(analysis.scores[-1], summed)
        last = analysis.single()
        found = faithfulness(last.scores[0], attributed(last, "occlusion"), quick)
        assert found.best.deletion[0] == pytest.approx(last.scores[0].anew().value(), abs=1e-5)
        one = next(iter_faithfulness(explainer, ["The children went to the park and"], ["occlusion"], settings=quick, step=0))
        first = analysis.scores[0]
        assert one.best.deletion[0] == pytest.approx(first.anew().value(), abs=1e-5)


def test_scores_of_another_target_are_refused(bert):
    score = bert.ask(TEXT, target=0).scores[0]
    with pytest.raises(InputError, match="Explain this question first"):
        faithfulness(score, attributed(bert.ask(TEXT, target=1), "lrp"))
    with pytest.raises(InputError, match="probability"):
        faithfulness(score, attributed(bert.ask(TEXT, target=0, unit="probability"), "lrp"))
    for wrong in ({"orders": 1}, {"orders": 100_000}, {"beam": 0}, {"beam": 1000}, {"limit": 0}):
        with pytest.raises(InputError, match=r"needed|at least"):
            FaithfulnessSettings(**wrong)


def made_up(scores, *, whole=4.0, features=4):
    """A text whose deletion curves drop at once to a level per method; random orders to 2, the best to 0, the worst to 4."""

    def curve(name, level):
        deletion = np.array([whole, *[level] * (features - 1), 0.0])
        insertion = np.array([0.0, *[whole - level] * (features - 1), whole])
        return Curve(name, tuple(range(features)), deletion, insertion)

    band = curve("", whole / 2)
    areas = np.array([[band.comprehensiveness, band.sufficiency]] * 2)
    random = RandomBand(2, *[band.deletion] * 3, *[band.insertion] * 3, *areas[0].tolist(), areas)
    curves = tuple(curve(name, level) for name, level in scores.items())
    labels = tuple(MethodLabel(name, name.title(), Family.EXTERNAL, True) for name in scores)
    return Faithfulness(
        labels, ("a",) * features, "words", "mask", curves, curve("best found", 0.0), curve("worst found", whole), random, 1, 1, 0.0
    )


def test_means_over_texts_are_those_of_the_definition():
    levels = {"good": [0.5, 1.0, 0.0, 0.5, 1.5], "twin": [0.5, 1.0, 0.0, 0.5, 1.5], "poor": [3.0, 2.5, 3.5, 3.0, 2.5]}
    results = [made_up({name: values[i] for name, values in levels.items()}, features=4 + i) for i in range(5)]
    nothing = replace(results[0], best=results[0].curves[0], worst=results[0].curves[0])
    flat = replace(nothing, random=replace(nothing.random, comprehensiveness=nothing.best.comprehensiveness))
    found = FaithfulnessRanking.of([*results, flat])
    assert (found.texts, found.left_out) == (5, 1)
    for name, values in levels.items():
        raw = 4.0 - np.array(values)
        assert found.raw_comprehensiveness[name].mean == pytest.approx(raw.mean())
        assert found.raw_sufficiency[name].mean == pytest.approx(np.mean(values))
        assert found.comprehensiveness[name].mean == pytest.approx(np.mean((raw - 2.0) / 2.0))
        assert found.sufficiency[name].mean == pytest.approx(np.mean((2.0 - np.array(values)) / 2.0))
        assert found.between_bounds[name].mean == pytest.approx(np.mean(raw / 4.0))
        for interval in (found.overall[name], found.raw_sufficiency[name]):
            assert interval.low < interval.mean < interval.high
        for part, share in enumerate(GRID):
            lines = [np.interp(share * (4 + i), range(5 + i), r[name].deletion - 4.0) for i, r in enumerate(results)]
            assert found.deletion[name].mean[part] == pytest.approx(np.mean(lines))
            lines = [np.interp(share * (4 + i), range(5 + i), r[name].insertion - 4.0) for i, r in enumerate(results)]
            assert found.insertion[name].mean[part] == pytest.approx(np.mean(lines))
    assert dict(found.rank) == {"good": 1, "twin": 1, "poor": 3}
    assert found.to_dict()["methods"]["poor"]["raw_sufficiency"]["mean"] == pytest.approx(2.9)


def test_texts_measured_in_different_ways_are_not_averaged():
    one = made_up({"good": 0.0})
    for other in (replace(one, granularity="tokens"), replace(one, replacement="delete")):
        with pytest.raises(InputError, match="the same settings for all"):
            FaithfulnessRanking.of([one, other])


def test_one_text_has_means_but_no_intervals_and_no_winner():
    found = FaithfulnessRanking.of([made_up({"good": 0.0, "poor": 4.0})])
    assert found.overall["good"].mean == pytest.approx(1.0)
    assert found.overall["poor"].mean == pytest.approx(-1.0)
    assert np.isnan(found.overall["good"].low)
    assert set(found.rank.values()) == {1}
    assert found.to_dict()["methods"]["good"]["overall"]["low"] is None


def test_the_verb_is_the_ranking_of_the_stream(bert):
    texts = [TEXT, "A waste of time and talent.", "It is not a good movie."]
    settings = FaithfulnessSettings(orders=3, beam=1, seed=2)
    found = evaluate_faithfulness(bert, texts, ["lrp", "attention"], settings=settings, samples=300, target="positive")
    results = list(iter_faithfulness(bert, texts, ["lrp", "attention"], settings=settings, target="positive"))
    assert found.to_dict() == FaithfulnessRanking.of(results, samples=300, seed=2).to_dict()
    assert [found.to_dict()["methods"][name]["title"] for name in ("lrp", "attention")] == ["LRP", "Attention"]


def test_every_text_is_whole_when_it_arrives(bert):
    results = iter_faithfulness(bert, [TEXT, "fine", "never reached"], ["lrp"], settings=FaithfulnessSettings(orders=2, beam=1))
    assert next(results)["lrp"].order
    with pytest.raises(InputError, match="got 1"):
        next(results)
