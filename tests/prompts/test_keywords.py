"""Keywords through prompts: their numbers against direct counts and plain forward passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers as t
from zoo import IDS, PIECES, real, tokenizer

from explain import InputError, TokenExplainer, UnsupportedError
from explain.models.perturbation import Replacement
from explain.prompts import PromptComparison, compare_prompts, track_keywords
from explain.tokens import words

TEXTS = ("the film was not very good", "Good actors, good plot", "a bad film: actors not saved")


def tracked(name, keywords, methods=("input_x_gradient", "occlusion"), *, texts=TEXTS, comparing=None, **more):
    with real(name).explainer() as explainer:
        comparison = compare_prompts(explainer, texts, methods, **(comparing or {"target": 1}))
        return comparison, track_keywords(comparison, keywords, explainer=explainer, **more)


def test_the_numbers_are_sums_shares_and_ranks():
    keywords = ["good", "not very good", "very", "actors"]
    comparison, found = tracked("bert-class", keywords)
    assert found.present.tolist() == [[1, 1, 1, 0], [2, 0, 0, 1], [0, 0, 0, 1]]
    for number, method in enumerate(comparison.methods):
        for row, explanation in enumerate(comparison):
            scores = explanation[method].scores
            total = sum(abs(score) for token, score in zip(explanation.tokens, scores, strict=True) if not token.special)
            for column in range(len(keywords)):
                spans = found.spans[row][column]
                at = number, row, column
                if not spans:
                    assert np.isnan([found.scores[at], found.shares[at], found.ranks[at]]).all()
                    continue
                tokens = {i for span in spans for i in span.tokens}
                assert found.scores[at] == pytest.approx(sum(scores[i] for i in tokens), abs=1e-12)
                assert found.shares[at] == pytest.approx(sum(abs(scores[i]) for i in tokens) / total, abs=1e-12)
                ranks = []
                for span in spans:
                    units = [list(span.tokens)]
                    for word in words(explanation.tokens, explanation.text):
                        rest = [i for i in word.indices if i not in span.tokens]
                        if rest and not word.special:
                            units.append(rest)
                    sizes = [abs(scores[unit].sum()) for unit in units]
                    ranks.append(sorted(sizes, reverse=True).index(sizes[0]) + 1)
                assert found.ranks[at] == min(ranks)


def forward(made, text, keyword_tokens, way):
    """The plain classifier's logit of label 1 on lists of ids, with some of them masked, deleted or hidden."""
    ids = made.tokenizer(text)["input_ids"]
    mask = [1] * len(ids)
    if way == "mask":
        ids = [made.tokenizer.mask_token_id if i in keyword_tokens else index for i, index in enumerate(ids)]
    elif way == "delete":
        ids = [index for i, index in enumerate(ids) if i not in keyword_tokens]
        mask = [1] * len(ids)
    else:
        mask = [int(i not in keyword_tokens) for i in range(len(ids))]
    with torch.no_grad():
        return float(made.plain(input_ids=torch.tensor([ids]), attention_mask=torch.tensor([mask])).logits[0, 1])


@pytest.mark.parametrize("name", ["bert-class", "roberta-class"])
@pytest.mark.parametrize("way", ["mask", "delete", "attention_mask"])
def test_the_effect_is_what_a_plain_forward_pass_says(name, way):
    made = real(name)
    keywords = ["good", "not very good", "very", "actors"]  # overlapping ones are taken away each by itself
    _, found = tracked(name, keywords, ["input_x_gradient"], replacement=way)
    for row, text in enumerate(TEXTS):
        for column in range(len(keywords)):
            spans = found.spans[row][column]
            if not spans:
                assert np.isnan(found.effects[row, column])
                continue
            tokens = {i for span in spans for i in span.tokens}
            expected = forward(made, text, set(), way) - forward(made, text, tokens, way)
            assert found.effects[row, column] == pytest.approx(expected, abs=1e-6)
            assert abs(expected) > 1e-4


def test_one_token_has_the_effect_that_occlusion_gives_it():
    comparison, found = tracked("roberta-class", ["film"])
    tokens = found.spans[0][0][0].tokens
    assert len(tokens) == 1
    assert found.effects[0, 0] == pytest.approx(comparison.explanations[0]["occlusion"].scores[tokens[0]], abs=1e-6)


@pytest.mark.parametrize("name", ["gpt2-next", "t5-span", "bart-generation", "llama-next", "bert-masked"])
def test_every_task_is_tracked(name):
    tail = {"masked_lm": " [MASK]", "span_infilling": " ___"}.get(real(name).task, "")
    comparing = (
        {"target": "is are"} if real(name).task in ("span_infilling", "generation") else {"target": " is" if "bert" not in name else "is"}
    )
    if name == "llama-next":
        comparing = {"target": 300}
    _, found = tracked(name, ["good", "film"], ["input_x_gradient"], texts=[text + tail for text in TEXTS], comparing=comparing)
    assert (np.isnan(found.effects) == (found.present == 0)).all()
    assert (np.nan_to_num(found.effects, nan=1.0) != 0).all()


def test_the_effect_on_a_sequence_is_the_sum_over_its_steps():
    texts = ["She went to the ___ to buy some bread.", "He bought bread at the ___."]
    with TokenExplainer.from_pretrained("t5-mini", task="span_infilling") as explainer:
        comparison = compare_prompts(explainer, texts, ["input_x_gradient"], target="store today")
        whole = track_keywords(comparison, ["bread"], explainer=explainer, replacement="delete")
        steps = []
        for step in range(len(comparison.explanations[0].outputs)):
            alone = compare_prompts(explainer, texts, ["input_x_gradient"], target="store today", step=step)
            steps.append(track_keywords(alone, ["bread"], explainer=explainer, replacement="delete").effects)
    assert len(steps) > 1
    assert whole.effects == pytest.approx(np.sum(steps, axis=0), abs=1e-6)


def planted() -> t.GPT2ForSequenceClassification:
    """Label 1 reads the mean over the tokens of a feature that only "good" has (6 x its share), label 0 nothing."""
    config = t.GPT2Config(**IDS, n_embd=4, n_layer=1, n_head=1, n_positions=32, num_labels=2)
    model = t.GPT2ForSequenceClassification(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        block = model.transformer.h[0]
        block.ln_1 = block.ln_2 = model.transformer.ln_f = torch.nn.Identity()
        model.transformer.wte.weight[PIECES.index("good"), 0] = 6.0
        block.attn.c_attn.weight[0, 8] = 1.0
        block.attn.c_proj.weight[0, 1] = 1.0
        model.score.weight[1, 1] = 1.0
    return model


def test_only_the_planted_keyword_matters():
    texts = ["the film was good", "it was not good but very good", "a bad plot"]
    with TokenExplainer(planted(), tokenizer(opening=False), task="classification") as explainer:
        options = {"occlusion": {"replacement": "mask"}}
        comparison = compare_prompts(explainer, texts, ["input_x_gradient", "occlusion"], target=1, options=options)
        found = track_keywords(comparison, ["good", "was", "bad"], explainer=explainer, replacement="mask")
    lengths = [len(explanation.tokens) for explanation in comparison]
    expected = [6.0 / lengths[0], 2 * 6.0 / lengths[1]]
    for number in range(2):
        assert found.shares[number, :2, 0] == pytest.approx([1.0, 1.0], abs=1e-9)
        assert found.scores[number, :2, 0] == pytest.approx(expected, abs=1e-9)
        assert found.ranks[number, :2, 0].tolist() == [1, 1]
        assert found.shares[number, :2, 1] == pytest.approx([0.0, 0.0], abs=1e-9)
        assert np.isnan(found.shares[number, 2, 2])  # no token has a score there
    assert found.effects[:2, 0] == pytest.approx(expected, abs=1e-9)
    assert found.effects[:2, 1] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert np.isnan(found.effects[2, 0])


def test_absence_is_recorded_and_only_a_word_that_is_nowhere_is_an_error():
    comparison, found = tracked("bert-class", ["plot"])
    assert found.present.ravel().tolist() == [0, 1, 0]
    plain = found.to_dict()
    assert plain["scores"][0][0] == [None]
    assert plain["spans"][1][0][0]["text"] == "plot"
    frame = found.to_frame()
    assert frame["occurrences"].tolist() == [0, 0, 1, 1, 0, 0]
    assert frame["score"].isna().tolist() == [True, True, False, False, True, True]
    with pytest.raises(InputError, match=r"'act' is in none of the 3 prompts.*inside_words"):
        track_keywords(comparison, ["plot", "act"])
    inside = track_keywords(comparison, ["act"], inside_words=True)
    assert inside.present.ravel().tolist() == [0, 1, 1]
    assert np.isnan(inside.effects).all()


def test_what_cannot_be_tracked_is_said():
    comparison, _ = tracked("gpt2-class", ["film"])
    with pytest.raises(InputError, match="'GOOD' was given twice"):
        track_keywords(comparison, ["good", "GOOD"])
    with pytest.raises(InputError, match="No keyword"):
        track_keywords(comparison, [])
    with pytest.raises(InputError, match="'burn' is not known"):
        track_keywords(comparison, ["good"], replacement="burn")
    with real("gpt2-class").explainer() as explainer, pytest.raises(UnsupportedError, match="no mask token"):
        track_keywords(comparison, ["good"], explainer=explainer, replacement=Replacement.MASK)
    with real("gpt2-class", seed=1).explainer() as other, pytest.raises(InputError, match="explained the prompts"):
        track_keywords(comparison, ["good"], explainer=other)
    moved = replace(comparison.results[0], question=replace(comparison.results[0].question, target=0))
    with real("gpt2-class").explainer() as explainer, pytest.raises(InputError, match="as before"):
        track_keywords(PromptComparison((moved,)), ["good"], explainer=explainer)
