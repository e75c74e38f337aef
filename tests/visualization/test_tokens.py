"""Pieces of one word are joined as in the text, with the text's own spacing; columns hold the sums of what they show."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from zoo import REAL, real

from explain import TokenExplainer
from explain.tokens import Word
from explain.visualization.colors import Scale
from explain.visualization.tokens import ARROW, Shown, highlighted, limits, shown

TEXT = "Unsurprisingly,  the \n film-maker's  plot wasn't good…"


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("name", [name for name in REAL if "class" in name or "next" in name])
def test_the_text_is_shown_as_it_was_typed(name: str, merge: bool) -> None:
    with real(name).explainer() as explainer:
        explanation = explainer.analyze(TEXT, ["input_x_gradient"])
    columns = shown(explanation.tokens, explanation.text, merge=merge, special=False)
    written = "".join(text for text, _ in highlighted(explanation["input_x_gradient"], columns))
    if all(token.text for token in explanation.tokens if not token.special):  # else signs of ours stand for bytes and white space
        assert written == explanation.text
    else:
        assert re.sub("[…⏎␣]", "", written) == explanation.text.replace("…", "")


def test_white_space_stands_after_its_sign() -> None:
    said = (("one", ""), ("⏎⏎", "\n\n"), ("two", ""), ("␣", " "), ("3", ""), ("</s>", ""))
    columns = Shown(tuple(Word((i,), text, before, text == "</s>") for i, (text, before) in enumerate(said)), (False,) * 6)
    assert columns.pieces == (("one", 0), ("⏎⏎", 1), ("\n\n", None), ("two", 2), ("␣", 3), (" ", None), ("3", 4), (" ", None), ("</s>", 5))


def test_pieces_of_a_word_stand_together_and_white_space_is_not_coloured() -> None:
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        explanation = explainer.analyze("An unwatchable, boring  mess", ["lrp"])
    columns = shown(explanation.tokens, explanation.text, merge=False, special=False)
    pairs = highlighted(explanation["lrp"], columns)
    for number, (text, kind) in enumerate(pairs):
        column = columns.pieces[number][1]
        if column is None:
            assert text.isspace()
            assert kind is None
        else:
            assert text == columns.labels[column]
    words = shown(explanation.tokens, explanation.text, merge=True, special=False)
    assert words.labels == ["An", "unwatchable", ",", "boring", "mess"]
    assert len(columns.labels) > len(words.labels)
    sums = words.scores(explanation["lrp"].scores)
    assert sums.sum() == pytest.approx(columns.scores(explanation["lrp"].scores).sum(), abs=1e-12)
    for token, part in enumerate(explanation.tokens):
        column = words.column_with(token)
        assert (column is None) is part.special
        assert column is None or words.labels[column].find(part.text) >= 0
    assert words.column_with(None) is words.column_with(999) is None


def test_the_output_is_set_apart() -> None:
    with TokenExplainer.from_pretrained("gpt2-mini", task="generation") as explainer:
        explanation = explainer.analyze("The president said", ["input_x_gradient"], target=" that he was")
    columns = shown(explanation.tokens, explanation.text, merge=False, special=True)
    texts = [text for text, _ in highlighted(explanation["input_x_gradient"], columns)]
    assert texts.count(ARROW) == 1
    assert "".join(texts[: texts.index(ARROW)]) == "The president said"


def test_a_shared_scale_is_that_of_the_strongest_signed_method() -> None:
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        explanation = explainer.analyze("A fine film.", ["attention", "lrp", "input_x_gradient"])
    nothing = replace(explanation["lrp"], scores=np.zeros(len(explanation.tokens)))
    attributions = [*explanation, nothing]
    columns = shown(explanation.tokens, explanation.text, merge=False, special=False)
    own = [abs(a.scores[1:-1]).max() for a in explanation]
    assert limits(attributions, columns, Scale.PER_METHOD) == [*own, 1.0]
    common = max(own[1:])
    assert limits(attributions, columns, Scale.SHARED) == [own[0], common, common, common]
