"""What the page offers first is predicted sensibly by the checkpoint that answers it."""

from __future__ import annotations

import pytest

from explain import TokenExplainer
from explain.interface.presets import PRESETS
from explain.models.catalog import models_for

EXPECTED = {
    "The president of the United [MASK] spoke on Monday.": "states",
    "He opened the [MASK] and went in.": "door",
    "The people who live in this city [MASK] happy.": "are",
    "The film was a delight, not the boring mess I had feared.": "positive",
    "It is not a good movie.": "negative",
    "The plot is thin, but the acting is wonderful.": "positive",
    "A waste of time and talent.": "negative",
    "The president of the United": "States",
    "The people who live in this city": "are",
    "He was born in New": "York",
    "She told him that": "he was a good man.",
    "He opened the <extra_id_0> and went in.": "door",
    "At the end ___ day they went home.": "of the",
    "They have lived ___ the city for many ___.": "in",
}
OPEN = {"[MASK] work in a [MASK].", "The president said that"}


@pytest.mark.parametrize("task", [task for task in PRESETS if task != "embedding"])
def test_the_examples_are_predicted_sensibly(task: str) -> None:
    with TokenExplainer.from_pretrained(models_for(task)[0].name, task=task) as explainer:
        for example in PRESETS[task].examples:
            asked = example.text in EXPECTED
            assert asked or example.text in OPEN or example.foil, example.text
            if asked:
                assert explainer.ask(example.text).prediction.text.strip() == EXPECTED[example.text]
            if example.foil:
                (score,) = explainer.ask(example.text, target=example.target, foil=example.foil).scores
                assert score.value() > 0, example.text
