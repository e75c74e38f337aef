"""Span infilling: blanks, sentinels, and the spans that fill them."""

from __future__ import annotations

import math

import pytest
import torch
from vocabularies import SENTINELS
from zoo import Tiny, real, tiny

from explain import InputError
from explain.types import Question


def filled(made: Tiny, text: str, opening: list[int], ids: list[int]) -> torch.Tensor:
    logits = made.logits(text, decoder_input_ids=torch.tensor([opening + ids[:-1]]))[len(opening) - 1 :]
    return logits.log_softmax(-1)[torch.arange(len(ids)), ids]


def test_blanks_and_sentinels() -> None:
    made = tiny("t5-span")
    explainer = made.explainer()
    blank, sentinel = (explainer.model.encode(text) for text in ("the ___ was bad", "the <extra_id_0> was bad"))
    assert blank.text == sentinel.text
    assert blank.output == sentinel.output
    second = explainer.model.encode(Question("the ___ was ___", position=1))
    first = explainer.model.encode(Question("the ___ was ___", position=0))
    opening = second.inputs["decoder_input_ids"][0].tolist()
    assert opening[: 2 + len(first.output)] == [0, 20, *first.output]
    assert opening[2 + len(first.output)] == 21
    for text, message in [
        ("the film", "no blank"),
        ("<extra_id_0> ___", "mixes"),
        ("<extra_id_1> film", "numbered from 0"),
        ("the ___ was", "Blank 3"),
    ]:
        with pytest.raises(InputError, match=message):
            explainer.model.encode(Question(text, position=3 if "Blank" in message else None))
    explainer.close()


def test_a_given_span_scores_its_teacher_forced_log_probability() -> None:
    made = real("t5-span")
    first, second = made.tokenizer.convert_tokens_to_ids(SENTINELS[:2])
    ids = made.tokenizer("very good", add_special_tokens=False)["input_ids"]
    for text in ("the film was ___.", "the film was <extra_id_0>."):
        with made.explainer() as explainer:
            found = explainer.analyze(text, ["input_x_gradient"], target="very good")
        each = filled(made, "the film was <extra_id_0>.", [0, first], ids)
        assert found["input_x_gradient"].output == pytest.approx(float(each.sum()), abs=1e-4)
        assert [step.probability for step in found.prediction.steps] == pytest.approx(each.exp().tolist(), abs=1e-5)
    text = "the ___ was ___."
    with made.explainer() as explainer:
        before = list(explainer.model.encode(Question(text, position=0)).output)
        found = explainer.analyze(text, ["input_x_gradient"], target="very good", position=1)
    each = filled(made, "the <extra_id_0> was <extra_id_1>.", [0, first, *before, second], ids)
    assert found["input_x_gradient"].output == pytest.approx(float(each.sum()), abs=1e-4)


def test_a_free_span_is_greedy_up_to_what_closes_it() -> None:
    made = real("t5-span", seed=3)
    text = "the film was <extra_id_0> good"
    sentinels = set(made.tokenizer.convert_tokens_to_ids(SENTINELS))
    closing = sentinels | {made.tokenizer.eos_token_id, made.tokenizer.pad_token_id, made.tokenizer.unk_token_id}
    read, span = [0, made.tokenizer.convert_tokens_to_ids(SENTINELS[0])], []
    while len(span) < 8:
        logits = made.logits(text, decoder_input_ids=torch.tensor([read + span]))[-1]
        if not span:
            logits[list(closing)] = -math.inf
        index = int(logits.argmax())
        if index in closing:
            break
        span.append(index)
    with made.explainer() as explainer:
        assert list(explainer.model.encode(text).output) == span
