"""The logit lens against the model with its upper layers left out."""

from __future__ import annotations

import numpy as np
import pytest
from cases import Case
from hooks import answer, without_layers
from zoo import tiny

from explain import UnsupportedError
from explain.inside.lens import lens
from explain.types import Unit


def test_it_ends_at_the_models_own_answer(case: Case) -> None:
    score = case.score()
    before = answer(score)
    found = lens(score)
    depth = len(case.model.instruments.architecture.blocks[found.stack])
    assert found.logits.shape == found.probabilities.shape == found.log_probabilities.shape == (depth + 1,)
    reference = case.made.reference(score)
    logits = reference.logits(reference.embeddings())[0].detach()
    assert found.logits[-1] == pytest.approx(float(logits[score.target.index]), rel=1e-4, abs=1e-4)
    assert found.candidates[-1] == int(logits.argmax()) == before[2]
    assert found.texts == tuple(map(score.candidate_text, found.candidates))
    if score.target.probability is not None:
        assert found.probabilities[-1] == pytest.approx(float(logits.softmax(-1)[score.target.index]), abs=1e-5)
        assert np.exp(found.log_probabilities) == pytest.approx(found.probabilities, rel=1e-4)
    else:
        assert np.isnan(found.probabilities).all()
    assert answer(score) == pytest.approx(before, abs=0, nan_ok=True)


def test_it_reads_a_model_whose_upper_layers_are_left_out(case: Case) -> None:
    score = case.score()
    found = lens(score)
    for depth, logit in enumerate(found.logits):
        blocks = case.model.instruments.architecture.blocks[found.stack][depth:]
        logits = without_layers(list(blocks), lambda: score.logits_of_rows(*score.encoding.batch())).detach()
        assert logit == pytest.approx(float(score.in_unit(logits, Unit.LOGIT)), rel=1e-4, abs=1e-4)
        assert found.candidates[depth] == int(logits.argmax())


def test_shared_layers_have_no_lens() -> None:
    made = tiny("albert-masked")
    with made.explainer() as explainer, pytest.raises(UnsupportedError, match="one layer at every depth"):
        lens(explainer.ask(made.text).scores[0])
