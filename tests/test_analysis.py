"""One text asked once and explained method by method; of several output tokens, the sum of their explanations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from zoo import FAMILIES, HIDDEN, tiny

from explain import InputError, UnsupportedError
from explain.methods.attention import AttentionWeights
from explain.methods.input_x_gradient import InputXGradient
from explain.methods.integrated_gradients import IntegratedGradients
from explain.methods.occlusion import Occlusion

SEQUENCES = [name for name, (_, _, task) in FAMILIES.items() if task in ("generation", "span_infilling")]


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_whole_output_is_the_sum_of_its_tokens(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        analysis = explainer.ask(made.text, target="very bad plot")
        for method in (InputXGradient(), AttentionWeights(), Occlusion(), IntegratedGradients(steps=5, maximum_steps=5)):
            whole, parts = analysis.run(method), [method.attribute(score) for score in analysis.scores]
            assert whole.step_scores is not None
            assert whole.step_scores.shape == (3, len(analysis.scores[-1].encoding.tokens))
            for row, part in zip(whole.step_scores, parts, strict=True):
                assert row[: len(part.scores)] == pytest.approx(part.scores, abs=1e-12)
                assert not row[len(part.scores) :].any()
            assert whole.scores == pytest.approx(whole.step_scores.sum(0), abs=1e-12)
            assert whole.output == pytest.approx(sum(part.output for part in parts), abs=1e-9)
            assert whole.passes == sum(part.passes for part in parts)
            assert set(whole.maps) == set(parts[-1].maps)
            if isinstance(method, IntegratedGradients):
                baseline = sum(part.baseline_output for part in parts)
                assert whole.baseline_output == pytest.approx(baseline, abs=1e-9)
                difference = whole.output - baseline
                scale = max(abs(difference), np.abs(whole.scores).sum() / 10)
                assert whole.gap == pytest.approx(abs(whole.scores.sum() - difference) / scale, rel=1e-6)
            else:
                assert whole.baseline_output is None
        explanation = analysis.explanation([whole])
        assert [target.text for target in explanation.outputs] == ["very", "bad", "plot"]
        assert explanation.target.probability == pytest.approx(math.prod(s.target.probability or 0 for s in analysis.scores))
        assert analysis.single(1).scores == analysis.scores[1:2]
        assert analysis.single().scores == analysis.scores[-1:]
        for number in (-1, 3):
            with pytest.raises(InputError, match=f"There is no output token {number}: 3 are explained"):
                analysis.single(number)


def test_another_model_is_asked_the_same() -> None:
    first, second = tiny("bert-class"), tiny("bert-class")
    second.model.classifier.weight.data.mul_(-1.0)
    with first.explainer() as one, second.explainer() as other:
        analysis = one.ask(first.text, target=1, foil=0)
        moved = analysis.on(other.model)
        asked = other.ask(first.text, target=1, foil=0)
        found = moved.run(InputXGradient())
        assert np.array_equal(found.scores, asked.run(InputXGradient()).scores)
        assert found.output == asked.run(InputXGradient()).output != analysis.run(InputXGradient()).output
        assert moved.explanation([found]).model == other.model.name


def test_what_a_model_cannot_do_is_refused_before_any_step() -> None:
    made = tiny(next(iter(HIDDEN)))
    with made.explainer() as explainer, pytest.raises(UnsupportedError, match="Attention needs the attention"):
        explainer.ask(made.text).run(AttentionWeights())
