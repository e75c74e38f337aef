"""Sentences with known evidence differ in it alone, and fit the model."""

from __future__ import annotations

import pytest
from zoo import tiny

from explain import TokenExplainer, UnsupportedError
from explain.evaluation import evidence_items


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


def test_models_without_fitting_sentences_are_refused():
    with tiny("bert-class").explainer() as explainer, pytest.raises(UnsupportedError, match="LABEL_0, LABEL_1, LABEL_2"):
        evidence_items(explainer.model)
    with TokenExplainer.from_pretrained("bert-mini", task="embedding") as explainer, pytest.raises(UnsupportedError, match="no sentences"):
        evidence_items(explainer.model)
