"""What the verdict claims: hand-made cases."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from explained import NEGATIVE, POSITIVE, Measured, explained

from explain.summary import Effect, Standing, Verdict, summarise
from explain.types import Target, Token, Unit

CLEAR = {
    "lrp": [0.0, 0.1, 0.05, 2.3, 0.11],
    "integrated_gradients": [0.01, 0.12, 0.06, 2.9, 0.13],
    "occlusion": [0.02, 0.1, 0.05, 2.0, 0.08],
    "attention": [0.4, 0.02, 0.1, 0.03, 0.01],
}
TRUST = {"lrp": 0.93, "integrated_gradients": 0.91, "occlusion": 0.6, "attention": 0.12}


def test_the_usual_case_in_three_sentences() -> None:
    summary = explained("The film was not good", CLEAR).summary(Measured(TRUST))  # type: ignore[arg-type]
    assert summary.text == (
        "“not” (LRP +2.3) made it negative; “The” hardly counted, though attention calls it deciding. LRP, integrated gradients and "
        "occlusion agree (tau 0.80 to 1.00); attention, which does not know the answer, does not. On this text the most faithful are LRP "
        "(0.93) and integrated gradients (0.91); attention (0.12) is no better than chance."
    )
    assert str(summary) == summary.text
    assert summary.rests_on == ("lrp",)
    assert summary.markdown.startswith("**“not”** (LRP +2.3) made it *negative*; **“The”** hardly counted")
    json.dumps(summary.to_dict(), allow_nan=False)


def test_without_faithfulness_it_rests_on_those_that_agree() -> None:
    summary = summarise(explained("The film was not good", CLEAR))
    assert summary.rests_on == ("lrp", "integrated_gradients", "occlusion")
    assert [word.word.text for word in summary.deciding] == ["not"]
    assert summary.verdict is Verdict.DECIDED
    assert not summary.faithful
    assert "faithful" not in summary.text


@pytest.mark.parametrize(
    ("score", "values", "predicted", "said"),
    [
        (-2.0, [0, -2.3, 0.01], POSITIVE, "“not” (−2.3) turned it to positive; the other words hardly counted."),
        (1.0, [0, 2.3, 0.01], NEGATIVE, "“not” (+2.3) turned it to negative; the other words hardly counted."),
        (4.0, [0, 2.3, -2], NEGATIVE, "“not” (+2.3) spoke for negative rather than positive, “good” (−2.0) for positive; the other word"),
        (4.0, [0, -2.3, 2], NEGATIVE, "“not” (−2.3) spoke for positive rather than negative, “good” (+2.0) for negative"),
        (1.0, [0, 2.3, -1.5], NEGATIVE, "“not” (+2.3) turned it to negative, against “good” (−1.5)"),
        (1.0, [0, 2.3, 0.01], Target(2, "neutral", 9.0, 0.9), "“not” (+2.3) spoke for negative rather than positive"),
    ],
)
def test_a_contrast_turns_to_one_of_the_two(score: float, values: list[float], predicted: Target, said: str) -> None:
    others = tuple(target for target in (NEGATIVE, POSITIVE) if target != predicted)
    found = explained("it not good", {"lrp": values}, foil=POSITIVE, score=score, candidates=(predicted, *others))
    assert summarise(found).text.startswith(said)


@pytest.mark.parametrize(("unit", "score", "values"), [(Unit.PROBABILITY, 0.88, [0, 0.6]), (Unit.LOG_PROBABILITY, -0.1, [0.0, 1.2])])
def test_two_labels_have_a_border_without_a_foil(unit: Unit, score: float, values: list[float]) -> None:
    assert summarise(explained("it fails", {"lrp": values}, unit=unit, score=score)).effect is Effect.TURNED
    assert summarise(explained("it fails", {"lrp": [0, values[1] / 8]}, unit=unit, score=score)).effect is Effect.MADE
    multi = (NEGATIVE, Target(1, "positive", 1.0, 0.7))
    assert summarise(explained("it fails", {"lrp": values}, unit=unit, score=score, candidates=multi)).effect is Effect.MADE


def test_words_that_have_less_than_half_spoke_for_it() -> None:
    summary = summarise(explained("a b c d", {"lrp": [1, 0.45, 0.45, 0.45]}))
    assert summary.effect is Effect.SPOKE
    assert summary.text.startswith("“a” (+1.0) spoke for negative. Only LRP was run, so no other method confirms it.")


def test_ties_are_named_as_ties() -> None:
    summary = summarise(explained("good and wonderful", {"lrp": [1.2, 0, 1.2]}))
    assert summary.alike == ((0, 2),)
    assert summary.text.startswith("“good” (+1.2) and “wonderful” (+1.2) made it negative; “good” and “wonderful” count alike")
    opposed = summarise(explained("good and dreadful", {"lrp": [1.2, 0, -1.2]}))
    assert not opposed.alike
    assert "“good” (+1.2) made it negative, against “dreadful” (−1.2)" in opposed.text
    assert "all 5 words count alike" in summarise(explained("a b c d e", {"lrp": [0.5] * 5})).text
    assert "“a”, “b”, “c” and 1 other word count alike" in summarise(explained("a b c d e", {"lrp": [1, 1, 1, 1, 0]})).text


def test_all_scores_zero() -> None:
    summary = summarise(explained("The film", {"lrp": [0, 0], "occlusion": [0, 1e-9], "attention": [0.2, 0.1]}))
    assert summary.verdict is Verdict.NO_EFFECT
    assert summary.text == "No word moved the score of negative: LRP and occlusion give every word 0."
    assert not summary.deciding
    held = summarise(explained("The film", {"lrp": [0, 0]}, special=(1.5, 0.0)))
    assert held.text.endswith("The special token “[CLS]” has a larger score than any word (+1.5).")
    one = summarise(explained("The film", {"lrp": [0, 0], "occlusion": [0.1, 1]}))
    assert one.rests_on == ("occlusion",)
    assert one.text.endswith("LRP gives every word the same score.")
    small = summarise(explained("The film", {"lrp": [0, 1e-7]}, unit=Unit.PROBABILITY, score=2e-7))
    assert small.verdict is Verdict.DECIDED


def test_opposite_signs_on_a_deciding_word_are_a_contradiction() -> None:
    summary = summarise(explained("the film fails", {"lrp": [0, 0.1, 2], "occlusion": [0, 0.2, -1]}))
    assert summary.verdict is Verdict.CONTRADICTED
    assert not summary.deciding
    assert summary.text == (
        "The methods contradict each other, so no word is named as deciding: LRP (+2.0) counts “fails” for negative, occlusion (−1.0) "
        "against it. LRP and occlusion do not agree (tau −0.33)."
    )
    partly = summarise(explained("dull film fails", {"lrp": [2, 0, 2], "occlusion": [2, 0.1, -0.8]}))
    assert [word.word.text for word in partly.deciding] == ["dull"]
    assert (
        "Elsewhere the methods contradict each other: LRP (+2.0) counts “fails” for negative, occlusion (−0.80) against it." in partly.text
    )
    two = summarise(explained("a b c d", {"lrp": [2, 1, 2, -2], "occlusion": [2, 0, -1, 1.5]}))
    assert [contradiction.word.text for contradiction in two.contradictions] == ["d", "c"]
    assert two.text.count("counts “") == 1
    assert "for negative, LRP (−2.0) against it; likewise for 1 other word." in two.text
    faint = summarise(explained("dull film fails", {"lrp": [2, 0, 1.5], "occlusion": [2, 0.1, -0.3]}))
    assert not faint.contradictions


def test_a_method_that_is_no_better_than_chance_contradicts_nobody() -> None:
    found = explained("the film fails", {"lrp": [0, 0.1, 2], "occlusion": [0, 0.2, -1]})
    summary = summarise(found, Measured({"lrp": 0.9, "occlusion": 0.1}))
    assert [word.word.text for word in summary.deciding] == ["fails"]
    assert not summary.contradictions
    assert summary.text.endswith("On this text the most faithful is LRP (0.90); occlusion (0.10) is no better than chance.")
    unclear = summarise(found, Measured({"lrp": 0.9, "occlusion": 0.3}))
    assert unclear.verdict is Verdict.CONTRADICTED
    assert "occlusion (0.30) is not clearly better than chance" in unclear.text


def test_methods_that_put_different_words_first_are_not_chosen_from() -> None:
    summary = summarise(explained("a b c d", {"lrp": [2, 0.1, 0, 0.2], "occlusion": [0, 0.2, 1, 0.1], "shap": [2, 0.1, 0.5, 0]}))
    assert summary.verdict is Verdict.SPLIT
    assert summary.text.startswith(
        "The methods contradict each other, so no word is named as deciding: LRP and SHAP put “a” first, occlusion puts “c” first. "
        "No two of LRP, occlusion and SHAP agree (largest tau 0.00)."
    )
    same = summarise(explained("a b c d", {"lrp": [2, 0.3, 0.2, 0.1], "occlusion": [2, 0.1, 0.3, 0.2], "shap": [2, 0.2, 0.1, 0.3]}))
    assert [word.word.text for word in same.deciding] == ["a"]
    assert same.rests_on == ("lrp", "occlusion", "shap")


def test_two_equally_large_groups_are_not_chosen_from() -> None:
    scores = {"lrp": [3, 2, 1, 0.1], "shap": [4, 2, 1, 0.1], "occlusion": [0.1, 1, 2, 3], "integrated_gradients": [0.1, 1, 2, 4]}
    summary = summarise(explained("a b c d", scores))
    assert [group.methods for group in summary.agreeing] == [("lrp", "shap"), ("occlusion", "integrated_gradients")]
    assert summary.verdict is Verdict.SPLIT
    assert "LRP and SHAP agree (tau 1.00); occlusion and integrated gradients agree with each other only (tau 1.00)" in summary.text


def test_only_methods_that_do_not_know_the_target() -> None:
    summary = summarise(explained("the film fails", {"attention": [0.1, 0.2, 0.3], "attention_rollout": [0.3, 0.1, 0.3]}))
    assert summary.verdict is Verdict.TARGET_BLIND
    assert summary.text == (
        "No method that knows the answer was run, so which word decided is not known; attention puts “fails” first, attention rollout puts "
        "“the” and “fails” first."
    )


def test_one_method_that_knows_the_target_beside_others() -> None:
    scores = {"lrp": [0, 1, 2], "attention": [0.1, 0.2, 0.3], "attention_rollout": [0.3, 0.2, 0.1]}
    text = summarise(explained("the film fails", scores)).text
    assert text.endswith(
        "Attention, which does not know the answer, agrees with LRP; attention rollout, which does not know the answer, does not agree "
        "with LRP."
    )


def test_methods_that_agree_with_some() -> None:
    scores = {"lrp": [4, 3, 2, 1, 0], "shap": [3, 4, 2, 1, 0], "occlusion": [4, 2, 1, 0, 3], "attention": [0, 1, 2, 3, 4]}
    summary = summarise(explained("a b c d e", scores))
    assert summary.partly == () or summary.partly == ("occlusion",)
    assert summary.apart[-1] == "attention"
    assert "(blind to the answer)" in summary.text or "which does not know the answer," in summary.text


def test_no_method_is_better_than_chance() -> None:
    found = explained("The film was not good", CLEAR)
    summary = summarise(found, Measured({"lrp": 0.1, "integrated_gradients": -0.2, "occlusion": 0.19, "attention": 0.5}))
    assert summary.verdict is Verdict.CHANCE
    assert summary.text.startswith("No method that knows the answer orders the words better than chance on this text")
    assert summary.text.endswith(
        "On this text the most faithful is attention (0.50); occlusion (0.19), LRP (0.10) and integrated gradients (−0.20) are no better "
        "than chance."
    )
    unknown = summarise(found, Measured(dict.fromkeys(TRUST, math.nan)))
    assert unknown.undefined
    assert unknown.verdict is Verdict.DECIDED
    assert "no order of the words is better than another" in unknown.text


def test_the_chance_level_is_what_one_random_order_in_twenty_exceeds() -> None:
    areas = np.linspace(-1, 1, 41)
    summary = summarise(explained("it fails", {"lrp": [0, 1], "shap": [0, 1]}), Measured({"lrp": 0.92, "shap": 0.88}, areas=areas))
    assert summary.chance == pytest.approx(np.quantile(areas, 0.95))
    assert [entry.standing for entry in summary.faithful] == [Standing.BETTER, Standing.UNCLEAR]
    assert summarise(explained("it fails", {"lrp": [0, 1]}), Measured({"lrp": 0.5}, edge=0.4)).chance == pytest.approx(0.4)


def test_a_single_word_and_none() -> None:
    assert summarise(explained("Great", {"lrp": [1.5], "occlusion": [1.0]})).text == "“Great” (LRP +1.5) made it negative."
    empty = explained("", {"lrp": []})
    assert summarise(empty).text == "There is no word to explain: the model reads special tokens only."
    assert summarise(explained("Great", {})).text == "No method was run."


def test_a_method_without_a_sign_tells_no_direction() -> None:
    summary = summarise(explained("the film fails", {"gradient_norm": [0.1, 0.2, 3]}))
    assert summary.text.startswith("“fails” (3.0) counted most for negative")


def test_scores_that_have_no_order_without_signs() -> None:
    summary = summarise(explained("the film fails", {"lrp": [1, -1, 1], "attention": [0.1, 0.2, 0.3]}))
    assert not summary.apart
    assert not summary.blind_agreeing


def test_words_that_read_the_same_are_numbered_and_pieces_joined() -> None:
    assert "the second “good” (+2.0)" in summarise(explained("good film good", {"lrp": [0, 0, 2]})).text.replace("The", "the")
    pieces = (Token("un", "", "un", 0, 0, 2, False), Token("lucky", "", "##lucky", 0, 2, 7, False))
    assert summarise(explained("unlucky", {"lrp": [1, 1.5]}, tokens=pieces)).text.startswith("“unlucky” (+2.5)")


def test_caveats_follow() -> None:
    found = explained("the film fails", {"lrp": [0, 1, 2]}, special=(0.5, -3.0), gap=0.123, tolerance=0.05)
    text = summarise(found).text
    assert text.endswith(
        "The special token “[SEP]” has a larger score than any word (−3.0). "
        "The scores of LRP have a numerical error of 12 %, more than allowed."
    )
