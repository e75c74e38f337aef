"""A passage of an output is one score: its tokens' sum, read in one pass, whatever else is taken away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from chats import chatty
from zoo import Tiny, tiny

from explain import LRP, Question
from explain.analysis import run_many
from explain.errors import ExplainError, InputError
from explain.models.reading import in_unit
from explain.models.tasks.passage import PASSAGE, Passage
from explain.segments import groups_of
from explain.types import Segment, Unit

CHAT = [{"role": "user", "content": "was the plot good? the film was bad."}]
ANSWER = "it was not very good"


def log_probabilities(made: Tiny, ids: list[int], answer: list[int]) -> np.ndarray:
    """Of each token of an answer after a prompt, by the plain model."""
    with torch.no_grad():
        logits = made.plain(torch.tensor([[*ids, *answer]])).logits[0, len(ids) - 1 : -1]
    return logits.log_softmax(-1)[torch.arange(len(answer)), answer].double().numpy()


def test_a_passage_is_the_sum_of_its_tokens() -> None:
    made = chatty()
    prompt = made.tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, return_dict=False)
    answer = made.tokenizer(ANSWER, add_special_tokens=False)["input_ids"]
    each = log_probabilities(made, prompt, answer)
    with made.explainer() as explainer:
        for span, steps in ((None, slice(0, 5)), ("not very", slice(2, 4)), ((4, 5), slice(1, 2)), ((5, 12), slice(1, 4))):
            analysis = explainer.ask(CHAT, target=ANSWER, span=span)
            (score,) = analysis.scores
            assert score.value() == pytest.approx(each[steps].sum(), abs=1e-4)
            assert score.target.text == made.tokenizer.decode(answer[steps]).strip()
            assert score.target.probability == pytest.approx(np.exp(each[steps].sum()), rel=1e-3)
            assert score.read_positions() == tuple(range(len(prompt) - 1 + steps.start, len(prompt) - 1 + steps.stop))
            assert analysis.prediction.text == ANSWER
            written = [token for token in score.encoding.tokens if token.segment is Segment.OUTPUT]
            assert len(written) == steps.stop - 1
            assert all(token.special for token in written)
        logit = explainer.ask(CHAT, target=ANSWER, span="not very", unit="logit").scores[0]
        with torch.no_grad():
            logits = made.plain(torch.tensor([[*prompt, *answer]])).logits[0]
        assert logit.value() == pytest.approx(sum(float(logits[len(prompt) + n - 1, answer[n]]) for n in (2, 3)), abs=1e-4)


class Sure:
    """A model that gives the first candidate everything."""

    def __init__(self, lead: float) -> None:
        self.given = torch.tensor([[[lead, 0.0], [lead, 0.0]]], requires_grad=True)

    def logits_at(self, model: Any, inputs: Any, positions: torch.Tensor) -> torch.Tensor:
        assert positions.tolist() == [[3, 4]]
        return self.given


@pytest.mark.parametrize("lead", [-400.0, -3.0, 3.0, 12.0, 17.0, 400.0])
def test_log_odds_give_back_the_log_probability_and_its_gradient(lead: float) -> None:
    sure = Sure(lead)
    logits = Passage(sure, (0, 0), "it", Unit.LOG_PROBABILITY).logits(None, None, {}, torch.tensor([4]))  # type: ignore[arg-type]
    said = in_unit(logits, Unit.LOG_PROBABILITY, independent=True)[0, PASSAGE]
    (gradient,) = torch.autograd.grad(said, sure.given)
    exact = torch.tensor([lead, 0.0], dtype=torch.float64).log_softmax(-1)[0]
    assert float(said.detach()) == pytest.approx(2 * float(exact), abs=1e-6)
    assert float(gradient[0, 0, 0]) == pytest.approx(-float(torch.expm1(exact)) if lead < 30 else 0.0, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", ["chat", "gpt2-generation", "bart-generation"])
def test_relevance_of_a_passage_is_the_sum_over_its_tokens(name: str) -> None:
    made = chatty() if name == "chat" else tiny(name)
    text, output, span = (CHAT, ANSWER, "was not very") if name == "chat" else (made.text, "bad plot but actors", "plot but")
    with made.explainer() as explainer:
        whole = explainer.analyze(text, ["lrp", "input_x_gradient"], target=output, span=span)
        first = 1
        steps = [explainer.analyze(text, ["lrp", "input_x_gradient"], target=output, step=first + n) for n in range(len(span.split()))]
    for attribution in whole:
        assert attribution.gap is None or attribution.gap < 1e-3
        summed = np.zeros(len(whole.tokens))
        for step in steps:
            summed[: len(step.tokens)] += step[attribution.method].scores
        np.testing.assert_allclose(attribution.scores, summed, atol=1e-4 * np.abs(summed).max())


def test_words_are_taken_from_the_question_alone() -> None:
    made = chatty()
    answer = made.tokenizer(ANSWER, add_special_tokens=False)["input_ids"]
    with made.explainer() as explainer:
        found = explainer.analyze(CHAT, ["occlusion"], target=ANSWER, options={"occlusion": {"granularity": "words"}})
        encoding = explainer.ask(CHAT, target=ANSWER).scores[0].encoding
    ids = encoding.inputs["input_ids"][0, : encoding.input_length].tolist()
    prompt = ids[: len(ids) - len(answer) + 1]
    whole = log_probabilities(made, prompt, answer).sum()
    for group in groups_of(encoding, "words"):
        left = [index for place, index in enumerate(prompt) if place not in group.indices]
        fall = 0.0 if group.special else whole - log_probabilities(made, left, answer).sum()
        assert found["occlusion"].scores[list(group.indices)].sum() == pytest.approx(fall, abs=1e-3)


def test_passages_of_several_texts_are_those_of_each_alone() -> None:
    made = chatty()
    with made.explainer() as explainer:
        analyses = [explainer.ask(CHAT, target=answer) for answer in ("it was not good", "the film was bad")]
        together = run_many(analyses, LRP())
        alone = [analysis.run(LRP()) for analysis in analyses]
    for one, other in zip(together, alone, strict=True):
        assert not isinstance(one, ExplainError)
        assert one.target.text == other.target.text
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)


WRONG = {
    "words": ({"span": "film"}, "The output has no passage 'film'. It is: 'it was not very good'"),
    "nothing": ({"span": " "}, "The output has no passage ' '"),
    "outside": ({"span": (3, 99)}, "passage 3 to 99 lies outside the output, which has 20 characters"),
    "empty": ({"span": (3, 3)}, "passage 3 to 3 lies outside"),
    "step": ({"span": "it", "step": 1}, "leave step and foil out, or the passage"),
    "foil": ({"span": "it", "foil": "was"}, "leave step and foil out, or the passage"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_passage_that_is_not_there_is_said(what: str) -> None:
    asked, message = WRONG[what]
    with chatty().explainer() as explainer, pytest.raises(InputError, match=message):
        explainer.ask(Question(messages=CHAT, target=ANSWER, **asked))


def test_the_verdict_speaks_of_the_whole_answer_or_of_its_part() -> None:
    with chatty().explainer() as explainer:
        whole = explainer.analyze(CHAT, ["lrp"], target=ANSWER).summary()
        part = explainer.analyze(CHAT, ["lrp"], target=ANSWER, span="not very").summary()
    assert whole.asked.whole
    assert "taken as a whole" in whole.text
    assert "a passage of the output" in part.text
