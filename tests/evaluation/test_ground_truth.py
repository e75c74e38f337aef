"""Ground truth on a model whose deciding word is known, and what its sentences promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from methods.test_known_answers import planted_model
from zoo import WORDS, tokenizer

from explain import InputError, TokenExplainer, UnsupportedError
from explain.evaluation import EvidenceItem, GroundTruth, evidence_items, ground_truth, iter_ground_truth
from explain.methods.input_x_gradient import InputXGradient

FILLERS = [word for word in WORDS if word not in ("good", "bad")]


def planted_items():
    items = []
    for place in range(6):
        for word, target in (("good", "LABEL_1"), ("bad", "LABEL_0")):
            words = FILLERS[place : place + 5]
            words.insert(place % 5, word)
            start = len(" ".join([*words[: place % 5], ""]))
            items.append(EvidenceItem(" ".join(words), target, None, start, start + len(word), "keyword", str(place)))
    return items


@pytest.fixture(scope="module")
def planted():
    with TokenExplainer(planted_model(), tokenizer(opening=False), task="classification") as explainer:
        yield explainer


def test_the_deciding_word_gets_everything(planted):
    found = ground_truth(planted, ["input_x_gradient", "occlusion", "attention"], items=planted_items())
    assert (found.sentences, found.correct) == (12, 12)
    for method in ("input_x_gradient", "occlusion"):
        assert found.pointing_game[method].mean == 1.0
        assert found.mass_accuracy[method].mean == pytest.approx(1.0, abs=1e-6)
        assert found.rank[method] == 1
    # One uniform head: its attention is the same for all words, so the top is shared and the mass is that of chance.
    assert found.pointing_game["attention"].mean == pytest.approx(found.chance, abs=1e-6)
    assert found.rank["attention"] == 3


def test_a_pair_counts_only_if_both_are_right(planted):
    items = planted_items()
    items[3] = replace(items[3], target="LABEL_1")
    results = list(iter_ground_truth(planted, ["input_x_gradient"], items=items))
    assert [result.correct for result in results] == [number not in (2, 3) for number in range(12)]
    assert results[2].pointing_game == {}
    assert GroundTruth.of(results).correct == 10
    with pytest.raises(InputError, match="none of the pairs among 2"):
        GroundTruth.of(results[2:4])


@pytest.mark.parametrize(("name", "task"), [("bert-mini", "masked_lm"), ("gpt2-mini", "next_token"), ("t5-mini", "span_infilling")])
def test_pairs_differ_in_the_evidence_alone(name, task):
    with TokenExplainer.from_pretrained(name, task=task) as explainer:
        items = evidence_items(explainer.model)
        assert len(items) == 48
        assert sum(item.kind == "agreement, attractor" for item in items) == 24
        for one, other in zip(items[::2], items[1::2], strict=True):
            assert one.pair == other.pair
            assert (one.target, one.foil) == (other.foil, other.target)
            assert one.text[: one.start] + one.text[one.end :] == other.text[: other.start] + other.text[other.end :]
            assert one.text[one.start : one.end] != other.text[other.start : other.end]
        scores = explainer.ask(items[0].text, target=items[0].target, foil=items[0].foil).scores
        assert len(scores) == 1


def test_keywords_are_found_in_a_sentiment_model():
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        items = evidence_items(explainer.model)
        assert len({item.text for item in items}) == 48
        results = list(iter_ground_truth(explainer, [InputXGradient()], items=items[:8]))
    assert all(result.correct for result in results)
    assert np.mean([result.pointing_game["input_x_gradient"] for result in results]) > 0.5
    assert set(GroundTruth.of(results).to_dict()["methods"]["input_x_gradient"]) == {"title", "pointing_game", "mass_accuracy", "rank"}


def test_models_without_fitting_sentences_are_told(planted):
    with pytest.raises(UnsupportedError, match="LABEL_0, LABEL_1"):
        evidence_items(planted.model)
    with TokenExplainer.from_pretrained("bert-mini", task="embedding") as explainer, pytest.raises(UnsupportedError, match="no sentences"):
        evidence_items(explainer.model)
