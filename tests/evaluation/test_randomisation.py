"""Randomisation: the model is left as it was, every weight is shuffled once, and correct methods lose what they had."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from zoo import FAMILIES, tiny

from explain import TokenExplainer, UnsupportedError
from explain.evaluation import Randomisation, iter_randomisation, randomisation_check
from explain.evaluation.randomisation import ORIGINAL
from explain.evaluation.weights import parts_of

TEXTS = (
    "the plot is thin but the acting is wonderful and the music stays with you",
    "a dull and lifeless film that never finds its rhythm in two long hours",
    "it is not a good movie although the young actors do what they can with it",
)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_model_is_not_touched(name):
    made = tiny(name)
    plain = {key: value.clone() for key, value in made.model.state_dict().items()}
    with made.explainer() as explainer:
        before = explainer.analyze(made.text, ["input_x_gradient"])
        stages = randomisation_check(explainer, made.text, ["input_x_gradient"]).stages
        after = explainer.analyze(made.text, ["input_x_gradient"])
        assert np.array_equal(before["input_x_gradient"].scores, after["input_x_gradient"].scores)
        assert stages[0].part == ORIGINAL
        assert stages[0].similarity["input_x_gradient"] == pytest.approx(1.0)
        outputs = [stage.output for stage in stages]
        assert len(set(outputs)) > 1
    assert all(torch.equal(plain[key], value) for key, value in made.model.state_dict().items())
    assert "forward" not in {key for module in made.model.modules() for key in vars(module)}


def test_every_stage_is_the_plain_model_with_those_weights():
    """The copy is instrumented once: its LRP is that of a model that was loaded with the shuffled weights."""
    made = tiny("bert-class")
    with made.explainer() as explainer:
        analysis = explainer.ask(made.text)
        stages = list(iter_randomisation(explainer, made.text, ["lrp", "attention", "head_ablation"], seed=3))
        copy = tiny("bert-class").model
        generator = torch.Generator().manual_seed(3)
        with TokenExplainer(copy, made.tokenizer, task="classification") as other:
            original = explainer.analyze(made.text, ["lrp"])["lrp"].scores
            kept = [i for i, token in enumerate(analysis.encoding.tokens) if not token.special]
            for stage, (part, parameters) in zip(stages[1:], parts_of(other.model), strict=True):
                assert stage.part == part
                with torch.no_grad():
                    for parameter in parameters:
                        order = torch.randperm(parameter.numel(), generator=generator)
                        parameter.copy_(parameter.flatten()[order].view_as(parameter))
                scores = other.analyze(made.text, ["lrp"], target=analysis.target.index)["lrp"]
                assert stage.output == pytest.approx(scores.output, abs=1e-5)
                expected = stats.spearmanr(original[kept], scores.scores[kept]).statistic
                assert stage.similarity["lrp"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["bert-masked", "gpt2-next", "llama-next", "t5-span", "t5-labels", "bart-generation"])
def test_a_head_that_shares_its_matrix_is_random_before_the_embeddings_are(name):
    made = tiny(name)
    head, table = made.model.get_output_embeddings(), made.model.get_input_embeddings()
    made.model.tie_weights()
    with torch.no_grad():
        table.weight.normal_(generator=torch.Generator().manual_seed(1))
    shared = head.weight is table.weight
    plain = deepcopy(made.model)
    with made.explainer() as explainer:
        analysis = explainer.ask(made.text).single()
        stages = list(iter_randomisation(explainer, made.text, ["input_x_gradient"], seed=5))
        assert stages[1].part == "head"
        with replace(made, model=plain).explainer() as other:
            plain.get_output_embeddings().weight = torch.nn.Parameter(plain.get_output_embeddings().weight.detach().clone())
            generator = torch.Generator().manual_seed(5)
            with torch.no_grad():
                for parameter in dict(parts_of(other.model))["head"]:
                    order = torch.randperm(parameter.numel(), generator=generator)
                    parameter.copy_(parameter.flatten()[order].view_as(parameter))
            expected = analysis.scores[0].anew(other.model).value()
    assert shared is (head.weight is table.weight)
    assert stages[1].output == pytest.approx(expected, abs=1e-5)
    assert abs(stages[1].output - stages[0].output) > 1e-3
    assert not torch.equal(plain.get_output_embeddings().weight, head.weight)
    assert torch.equal(plain.get_input_embeddings().weight, table.weight)


def test_layers_that_the_answer_does_not_read_are_left_out():
    made = tiny("t5-embed")
    with made.explainer() as explainer:
        stages = randomisation_check(explainer, made.text, ["input_x_gradient"]).stages
    assert [stage.part for stage in stages] == [ORIGINAL, "head", "encoder layer 1", "encoder layer 0", "embeddings"]


def test_correct_methods_fall_towards_chance_and_results_repeat():
    methods = ["integrated_gradients", "lrp", "occlusion"]
    with TokenExplainer.from_pretrained("distilbert-mini", task="classification") as explainer:
        found = []
        for number, text in enumerate(TEXTS):
            options = {"integrated_gradients": {"steps": 8, "maximum_steps": 16}}
            found.append(randomisation_check(explainer, text, methods, seed=number, options=options))
        again = list(iter_randomisation(explainer, TEXTS[0], ["occlusion"], seed=0))
    assert {result.features for result in found} <= {14, 15, 16, 17}
    assert [stage.similarity["occlusion"] for stage in again] == [stage.similarity["occlusion"] for stage in found[0].stages]
    for method in methods:
        last = np.mean([result.stages[-1].similarity[method] for result in found])
        assert abs(last) < 3 * found[0].chance / np.sqrt(len(TEXTS))
        assert [stage.part for stage in found[0].stages][:2] == [ORIGINAL, "head"]
    json.dumps(found[0].to_dict(), allow_nan=False)


def test_chance_is_what_random_orders_give():
    rng = np.random.default_rng(0)
    drawn = np.mean([abs(stats.spearmanr(rng.permutation(14), rng.permutation(14)).statistic) for _ in range(2000)])
    assert Randomisation((), 14, ()).chance == pytest.approx(drawn, abs=0.02)


def test_weights_that_are_not_in_memory_cannot_be_shuffled():
    with tiny("bert-class").explainer() as explainer:
        stages = iter_randomisation(explainer, "the film was good", ["input_x_gradient"])
        assert next(stages).part == ORIGINAL
        weight = explainer.model.model.classifier.weight
        explainer.model.model.classifier.weight = torch.nn.Parameter(weight.to("meta"))
        with pytest.raises(UnsupportedError, match="not all in memory"):
            next(stages)
        explainer.model.model.classifier.weight = weight
