"""Ground truth on a model whose deciding word is known, and what its sentences promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from methods.test_known_answers import planted_model
from zoo import WORDS, tokenizer

from explain import InputError, TokenExplainer
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


def test_keywords_are_found_in_a_sentiment_model():
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        items = evidence_items(explainer.model)
        assert len({item.text for item in items}) == 48
        results = list(iter_ground_truth(explainer, [InputXGradient()], items=items[:8]))
    assert all(result.correct for result in results)
    assert np.mean([result.pointing_game["input_x_gradient"] for result in results]) > 0.5
    assert set(GroundTruth.of(results).to_dict()["methods"]["input_x_gradient"]) == {"title", "pointing_game", "mass_accuracy", "rank"}
