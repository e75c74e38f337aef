"""Generation: the model's own greedy text, or one that is given."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import pipeline
from zoo import real, tiny

from explain.types import Question, Segment


def test_generation_is_greedy_generate() -> None:
    for name in ("gpt2-generation", "t5-generation", "bart-generation"):
        made = tiny(name)
        ids = torch.tensor([made.tokenizer(made.text)["input_ids"]])
        with torch.no_grad():
            expected = made.model.generate(ids, max_new_tokens=12, do_sample=False, begin_suppress_tokens=[2], pad_token_id=0)[0].tolist()
        start = 1 if made.model.config.is_encoder_decoder else ids.shape[1]
        expected = expected[start:]
        expected = expected[: expected.index(2)] if 2 in expected else expected
        explainer = made.explainer()
        assert list(explainer.model.encode(made.text).output) == expected
        explainer.close()


def test_greedy_text_is_that_of_the_pipeline() -> None:
    made = real("gpt2-next")
    text = "the film was"
    write = pipeline("text-generation", model=made.plain, tokenizer=made.tokenizer)
    with made.explainer(task="generation") as explainer:
        encoding = explainer.model.encode(text)
        length = len(encoding.output)
        end = made.tokenizer.eos_token_id
        expected = write(text, max_new_tokens=length, do_sample=False, return_full_text=False, begin_suppress_tokens=[end])
        assert explainer.model.ask(text)[0].text == expected[0]["generated_text"].strip()


@pytest.mark.parametrize(
    ("name", "output"), [("gpt2-next", "not very good"), ("llama-next", "not very good"), ("bart-generation", "bad plot")]
)
def test_a_given_output_scores_its_teacher_forced_log_probability(name: str, output: str) -> None:
    made = real(name)
    text = "the film was"
    with made.explainer(task="generation") as explainer:
        ids = explainer.model.encode(Question(text, target=output)).output
        found = explainer.analyze(text, ["input_x_gradient"], target=output)
    assert made.tokenizer.decode(list(ids)).strip() == output
    if made.plain.config.is_encoder_decoder:
        start = made.plain.config.decoder_start_token_id
        logits = made.logits(text, decoder_input_ids=torch.tensor([[start, *ids[:-1]]]))
    else:
        length = made.ids(text).shape[1]
        with torch.no_grad():
            logits = made.plain(torch.cat([made.ids(text), torch.tensor([ids])], dim=1)).logits[0, length - 1 : -1]
    each = logits.log_softmax(-1)[torch.arange(len(ids)), list(ids)]
    assert found["input_x_gradient"].output == pytest.approx(float(each.sum()), abs=1e-4)
    assert [step.probability for step in found.prediction.steps] == pytest.approx(each.exp().tolist(), abs=1e-5)
    assert found.target.probability == pytest.approx(math.exp(float(each.sum())), rel=1e-3)
    shown = "".join(token.before + token.text for token in found.tokens if token.segment is Segment.OUTPUT)
    assert not any(mark in shown for mark in "Ġ▁")


def test_a_continuation_joins_the_text_as_one_would_type_it() -> None:
    made = real("gpt2-next")
    whole = made.tokenizer("the film was not very good")["input_ids"]
    with made.explainer(task="generation") as explainer:
        for output in ("not very good", " not very good"):
            encoding = explainer.model.encode(Question("the film was", target=output))
            assert [*encoding.inputs["input_ids"][0].tolist(), encoding.output[-1]] == whole
