"""Several prompts explained one by one are what they are alone; tables, order and filters."""

from __future__ import annotations

import numpy as np
import pytest

from explain import InputError, TargetError, TokenExplainer, UnknownMethodError
from explain.prompts import PromptComparison, compare_prompts, iter_prompts
from explain.types import Question
from prompts import METHODS, TEXTS


def test_every_prompt_is_what_analyze_says(explainer, comparison):
    for text, found in zip(TEXTS, comparison, strict=True):
        alone = explainer.analyze(text, METHODS, target="positive")
        assert found.text == text
        assert found.prediction == alone.prediction
        for name in METHODS:
            assert found[name].scores == pytest.approx(alone[name].scores, abs=1e-12)
            assert not found[name].maps


def test_prompts_come_one_by_one_and_say_their_own_target(explainer):
    prompts = [Question(TEXTS[0], target="negative"), TEXTS[1]]
    results = iter_prompts(explainer, prompts, ["attention"], target="positive", foil=None, unit="probability", maps=True)
    first = next(results)
    assert (first.explanation.target.text, first.question.unit) == ("negative", "probability")
    assert first.explanation["attention"].maps
    assert [result.explanation.target.text for result in results] == ["positive"]


def test_options_reach_the_methods(explainer):
    results = iter_prompts(explainer, TEXTS[:2], ["occlusion"], options={"occlusion": {"granularity": "words"}})
    assert {str(result.explanation["occlusion"].options["granularity"]) for result in results} == {"words"}


def test_everything_is_checked_before_anything_is_explained(explainer):
    with pytest.raises(InputError, match="got 1"):
        iter_prompts(explainer, TEXTS[:1], METHODS)
    with pytest.raises(UnknownMethodError):
        iter_prompts(explainer, TEXTS, ["magic"])
    with pytest.raises(InputError, match=r"Prompt 2 \(' '\): The text is empty"):
        iter_prompts(explainer, ["a", " ", "b"], METHODS)
    with pytest.raises(TargetError, match=r"Prompt 1 .* is not a label"):
        iter_prompts(explainer, TEXTS, METHODS, target="purple")


def test_the_table_holds_what_the_explanations_do(comparison):
    table = comparison.table()
    assert table["prompt"].tolist() == list(TEXTS)
    for row, found in zip(table.to_dict("records"), comparison, strict=True):
        assert row["prediction"] == found.prediction.text
        assert row["probability"] == max(c.probability for c in found.prediction.candidates)
        assert row["target_probability"] == found.target.probability
        assert row["score"] == pytest.approx(found.target.logit, abs=1e-5)
        scores = {}
        for token, score in zip(found.tokens, found["input_x_gradient"].scores, strict=True):
            if not token.special:  # every word here is one token
                scores[token.start] = (token.text, score)
        word, score = max(scores.values(), key=lambda entry: abs(entry[1]))
        assert (row["input_x_gradient: word"], row["input_x_gradient: score"]) == (word, score)


def test_a_sequence_is_as_probable_as_its_steps_together():
    with TokenExplainer.from_pretrained("t5-mini", task="span_infilling") as explainer:
        texts = ["She went to the ___ to buy bread.", "He saw ___ in the park."]
        comparison = compare_prompts(explainer, texts, ["input_x_gradient"])
    table = comparison.table()
    for row, found in zip(table.to_dict("records"), comparison, strict=True):
        assert row["probability"] == pytest.approx(np.prod([step.probability for step in found.outputs]))
        assert row["score"] == pytest.approx(np.log(row["probability"]), abs=1e-4)


def test_prompts_are_sorted_and_filtered(comparison):
    values = comparison.scores
    assert comparison.sort().scores.tolist() == sorted(values, reverse=True)
    assert comparison.sort("probability", ascending=True).probabilities.tolist() == sorted(comparison.probabilities)
    assert [e.text for e in comparison.filter(minimum=float(values[0]))] == [
        t for t, v in zip(TEXTS, values, strict=True) if v >= values[0]
    ]
    assert [e.text for e in comparison.filter(by="probability", maximum=0.5)] == [e.text for e in comparison if e.target.probability <= 0.5]
    assert [e.text for e in comparison.filter(containing="GOOD film")] == [TEXTS[1], TEXTS[3]]
    assert len(comparison.filter(containing="nothing")) == 0
    assert comparison.filter(containing="nothing").table().empty
    with pytest.raises(InputError, match="cannot be ordered by 'length'"):
        comparison.sort("length")


def test_other_methods_do_not_mix(explainer, comparison):
    other = iter_prompts(explainer, TEXTS[:2], ["attention"])
    with pytest.raises(InputError, match="different models or methods"):
        PromptComparison((*comparison.results, *other))


def test_a_comparison_is_plain_python(comparison):
    found = comparison.to_dict()
    assert found["methods"] == METHODS
    assert found["titles"] == {"attention": "Attention", "input_x_gradient": "Gradient x input"}
    assert [entry["asked"]["text"] for entry in found["prompts"]] == list(TEXTS)
    assert found["prompts"][1]["score"] == comparison.scores[1]
