"""A request asks for one answer or for the comparison of two, and its link and card ask the same again."""

from __future__ import annotations

import numpy as np
import pytest
from chats import chatty

from explain import InputError, Question, compare_answers
from explain.methods.catalog import make_methods
from explain.prompts.answers import Measure
from explain.sharing.asking import asked
from explain.sharing.card import card, dumps, loads
from explain.sharing.permalink import decode, encode
from explain.sharing.replay import replay
from explain.sharing.request import Request

CHAT = [{"role": "user", "content": "was the plot good?"}]
METHODS = ("input_x_gradient",)


@pytest.mark.parametrize("measure", [None, *Measure])
def test_link_and_card_ask_the_same_again(measure: Measure | None) -> None:
    made = chatty()
    request = Request("generation", "tiny", Question(messages=CHAT, target="it was", foil="not good at all"), METHODS, measure=measure)
    assert decode(encode(request)) == request
    with made.explainer() as explainer:
        request = Request("generation", explainer.model.name, request.question, METHODS, measure=measure)
        (method,) = make_methods(METHODS)
        analysis = asked(explainer, request, [method])
        found = analysis.explanation([analysis.run(method)])
        if measure is None:
            expected = explainer.analyze(request.question, METHODS)
        else:
            expected = compare_answers(explainer, CHAT, "it was", "not good at all", METHODS, measure=measure)
        np.testing.assert_allclose(found[METHODS[0]].scores, expected[METHODS[0]].scores, rtol=1e-9)
        assert (found.target, found.foil, len(found.tokens)) == (expected.target, expected.foil, len(expected.tokens))
        values = loads(dumps(card(found, explainer, request)))
        assert values["question"].get("measure") == measure
        assert replay(values, explainer=explainer).equal


def test_an_answer_that_is_missing_is_said() -> None:
    with chatty().explainer() as explainer, pytest.raises(InputError, match=r"give both, got 'it was' and None"):
        asked(explainer, Request("generation", "tiny", Question(messages=CHAT, target="it was"), METHODS, measure="mean"))
