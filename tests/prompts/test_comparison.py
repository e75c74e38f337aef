"""Several prompts: reading them, explaining them one by one, tables, filters, and paired differences against direct counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from explain import InputError, TargetError, TokenExplainer, UnknownMethodError
from explain.prompts.minimal_pair import Change, minimal_pair
from explain.prompts.paired import concentration, method_difference, score_difference
from explain.prompts.comparison import Prompt, PromptComparison, compare_prompts, read_csv, read_prompts

TEXTS = ("A fine and moving film.", "It was not a good film.", "A dull film.", "A good film!")
METHODS = ["attention", "input_x_gradient"]


@pytest.fixture(scope="module")
def explainer():
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as made:
        yield made


@pytest.fixture(scope="module")
def comparison(explainer):
    return PromptComparison(tuple(compare_prompts(explainer, TEXTS, METHODS, target="positive")))


def test_lines_are_prompts_and_blank_ones_are_skipped():
    assert read_prompts("one\n\n  two words \r\n\t\nthree") == (Prompt("one"), Prompt("two words"), Prompt("three"))


@pytest.mark.parametrize(("text", "count"), [("", 0), ("one\n\n", 1), ("a\n" * 51, 51)])
def test_too_few_and_too_many_lines_are_counted(text, count):
    with pytest.raises(InputError, match=rf"2 to 50 prompts.*got {count}\."):
        read_prompts(text)


@pytest.mark.parametrize("header", ["text", "Prompt", " SENTENCE "])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_named_column_is_read_wherever_it_is(header, sign):
    content = sign.join(["id", header, "target"]) + "\r\n" + sign.join(["1", '"so, so; good\tyes"', "positive"]) + "\n\n"
    assert read_csv(content + sign.join(["2", "bad", ""])) == (Prompt("so, so; good\tyes", target="positive"), Prompt("bad"))


def test_target_and_foil_belong_to_their_row():
    found = read_csv("text,foil,target\na,x,y\nb,,z\n")
    assert found == (Prompt("a", target="y", foil="x"), Prompt("b", target="z"))


def test_a_file_without_header_has_its_prompts_in_the_first_column(tmp_path):
    path = tmp_path / "prompts.csv"
    path.write_bytes('\ufefféclair\n"two\nlines"\n'.encode())
    assert read_csv(path) == read_csv(str(path)) == (Prompt("éclair"), Prompt("two\nlines"))


def test_other_signs_and_quotes_do_not_disturb_a_file():
    assert read_csv("\ttext\n0\ta\n1\tb\n") == (Prompt("a"), Prompt("b"))
    assert read_csv('"a; b",1\n"c, d",2\n') == (Prompt("a; b"), Prompt("c, d"))


def test_a_column_can_be_chosen():
    assert read_csv("text,review\na,b\nc,d", column="Review") == (Prompt("b"), Prompt("d"))
    with pytest.raises(InputError, match=r"no column 'body'. Its first row has: text, review"):
        read_csv("text,review\na,b\nc,d", column="body")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("text\nalone\n", "got 1"),
        ("text\n" + "word\n" * 51, "got 51"),
        ("text,target\na,b\nwell, really,b\n", "Line 3 .* has 3 cells, the first row has 2. Put quotes"),
        ("id,text\n1,a\n2,\n", "Line 3 .* its text is empty"),
        ("a,1\n ,2\n", "its first cell is empty"),
        ('text\n"open\nnever closed', "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(content, said):
    with pytest.raises(InputError, match=said):
        read_csv(content)


def test_files_that_cannot_be_read_are_said(tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("text\ncaf\xe9\nb".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin.csv is not in UTF-8 \(byte 8\)"):
        read_csv(path)
    path.write_bytes(b"x" * 1_000_001)
    with pytest.raises(InputError, match="has 1000001 bytes"):
        read_csv(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(tmp_path / "missing.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(tmp_path)


def test_every_prompt_is_what_analyze_says(explainer, comparison):
    for text, found in zip(TEXTS, comparison, strict=True):
        alone = explainer.analyze(text, METHODS, target="positive")
        assert found.text == text
        assert found.prediction == alone.prediction
        for name in METHODS:
            assert found[name].scores == pytest.approx(alone[name].scores, abs=1e-12)
            assert not found[name].maps


def test_prompts_come_one_by_one_and_say_their_own_target(explainer):
    prompts = [Prompt(TEXTS[0], target="negative"), TEXTS[1]]
    results = compare_prompts(explainer, prompts, ["attention"], target="positive", foil=None, unit="probability", maps=True)
    first = next(results)
    assert (first.explanation.target.text, first.prompt.unit) == ("negative", "probability")
    assert first.explanation["attention"].maps
    assert [result.explanation.target.text for result in results] == ["positive"]


def test_options_reach_the_methods(explainer):
    results = compare_prompts(explainer, TEXTS[:2], ["occlusion"], options={"occlusion": {"players": "words"}})
    assert {str(result.explanation["occlusion"].options["players"]) for result in results} == {"words"}


def test_everything_is_checked_before_anything_is_explained(explainer):
    with pytest.raises(InputError, match="got 1"):
        compare_prompts(explainer, TEXTS[:1], METHODS)
    with pytest.raises(UnknownMethodError):
        compare_prompts(explainer, TEXTS, ["magic"])
    with pytest.raises(InputError, match=r"Prompt 2 \(' '\): The text is empty"):
        compare_prompts(explainer, ["a", " ", "b"], METHODS)
    with pytest.raises(TargetError, match=r"Prompt 1 .* is not a label"):
        compare_prompts(explainer, TEXTS, METHODS, target="purple")


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
        comparison = PromptComparison(tuple(compare_prompts(explainer, texts, ["input_x_gradient"])))
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
    own = PromptComparison(tuple(compare_prompts(explainer, TEXTS[:2], METHODS)))
    with pytest.raises(InputError, match="'positive' and 'negative'"):
        score_difference(own)


def test_other_methods_do_not_mix(explainer, comparison):
    other = tuple(compare_prompts(explainer, TEXTS[:2], ["attention"]))
    with pytest.raises(InputError, match="different models or methods"):
        PromptComparison((*comparison.results, *other))


def test_a_comparison_is_plain_python(comparison):
    found = comparison.to_dict()
    assert found["methods"] == METHODS
    assert [entry["asked"]["text"] for entry in found["prompts"]] == list(TEXTS)
    assert found["prompts"][1]["score"] == comparison.scores[1]


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
    own = [result.explanation for result in compare_prompts(explainer, TEXTS[:2], METHODS)]
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
