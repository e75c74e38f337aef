"""TokenExplainer: one pipeline, the same results twice, and reasons for what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from zoo import FAMILIES, TEXT, Tiny, tiny

from explain import Explanation, InputError, TargetError, TextTooLongError, TokenExplainer, UnknownMethodError, UnsupportedError
from explain.methods.occlusion import Occlusion

MASKED = "the film was [MASK] but actors saved it"


@pytest.fixture(scope="module")
def masked() -> Any:
    with tiny("bert-masked").explainer() as explainer:
        yield explainer


@pytest.fixture(scope="module")
def classifier() -> Any:
    with tiny("bert-class").explainer() as explainer:
        yield explainer


@pytest.fixture(scope="module")
def generator() -> Any:
    with tiny("gpt2-generation").explainer() as explainer:
        yield explainer


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"text": ""}, InputError, "The text is empty"),
        ({"text": " \n\t "}, InputError, "The text is empty"),
        ({"text": "the film was good"}, InputError, r"no mask. Write \[MASK\]"),
        ({"text": "the [MASK] film", "position": 1}, InputError, "Mask 1 was asked for, but the text has 1"),
        ({"text": "the [MASK] film", "position": -1}, InputError, "Mask -1 was asked for"),
        ({"text": " ".join(["film"] * 62) + " [MASK]"}, TextTooLongError, "65 tokens, but .* reads at most 64. .* at least 1 token"),
        ({"target": "zebra"}, TargetError, "'zebra' is not in the vocabulary"),
        ({"target": "not bad"}, TargetError, r"'not bad' is not one token .* not \+ bad"),
        ({"target": ""}, TargetError, "target is empty"),
        ({"target": "  "}, TargetError, "target is empty"),
        ({"target": 23}, TargetError, "index 23 does not exist; .* 0 to 22"),
        ({"target": -1}, TargetError, "index -1 does not exist"),
        ({"target": "good", "foil": "zebra"}, TargetError, "'zebra'"),
        ({"target": "good", "foil": "good"}, TargetError, "both 'good'"),
        ({"target": "good", "foil": 11}, TargetError, "both 'good'"),
        ({"unit": "bits"}, InputError, "unit 'bits' is not known .* logit, log_probability, probability"),
        ({"step": 0}, InputError, r"A step was given \(0\)"),
        ({"methods": ["lime"]}, UnknownMethodError, "'lime' is not known"),
        ({"methods": []}, InputError, "No method was chosen"),
        ({"methods": ["lrp", "lrp"]}, InputError, "lrp was given twice"),
        ({"methods": ["attention"], "options": {"attention": {"layer": 2}}}, InputError, "layer 2 does not exist: .* has 2"),
        ({"methods": ["attention"], "options": {"attention": {"head": 4}}}, InputError, "head 4 does not exist: .* has 4"),
        ({"methods": ["attention"], "options": {"attention": {"heads": 4}}}, InputError, "no option 'heads'"),
        ({"methods": ["attention"], "options": {"lrp": {}}}, InputError, "Options were given for lrp"),
    ],
)
def test_what_cannot_be_asked_of_a_masked_model(
    masked: TokenExplainer, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    asked = {"text": MASKED, "methods": ["input_x_gradient"]} | given
    with pytest.raises(error, match=message):
        masked.analyze(asked.pop("text"), asked.pop("methods"), **asked)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"target": "LABEL_9"}, TargetError, "'LABEL_9' is not a label of .* LABEL_0, LABEL_1, LABEL_2"),
        ({"target": 3}, TargetError, "3 is not a label"),
        ({"target": -1}, TargetError, "-1 is not a label"),
        ({"target": 1, "foil": "label_1"}, TargetError, "both 'LABEL_1'"),
        ({"foil": "nothing"}, TargetError, "'nothing' is not a label"),
        ({"step": 1}, InputError, "has one answer"),
        ({"unit": "nats"}, InputError, "'nats'"),
    ],
)
def test_what_cannot_be_asked_of_a_classifier(
    classifier: TokenExplainer, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        classifier.analyze(TEXT, ["input_x_gradient"], **given)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"target": 3}, InputError, "explains a text, not an index"),
        ({"target": "good bad", "step": 2}, InputError, "Step 2 was asked for, but the output has 2 tokens"),
        ({"target": "good bad", "step": -1}, InputError, "Step -1 was asked for"),
        ({"target": "good bad", "foil": "good bad"}, TargetError, "never parts from the output"),
        ({"target": "good bad", "foil": "good"}, TargetError, "never parts from the output"),
        ({"target": "good", "foil": 99}, TargetError, "index 99 does not exist"),
        ({"target": ""}, TargetError, "output to explain is empty"),
        ({"unit": "probability"}, InputError, "unit 'probability' is not known for generation"),
        ({"target": " ".join(["film"] * 60)}, TextTooLongError, "reads at most 64"),
    ],
)
def test_what_cannot_be_asked_of_a_generator(
    generator: TokenExplainer, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        generator.analyze(TEXT, ["input_x_gradient"], **given)


def test_an_embedding_has_no_target() -> None:
    with tiny("bert-embed").explainer() as explainer:
        for given in ({"target": "good"}, {"foil": 0}):
            with pytest.raises(TargetError, match="leave target and foil out"):
                explainer.analyze(TEXT, ["input_x_gradient"], **given)  # type: ignore[arg-type]


def test_a_text_may_be_as_long_as_the_model_reads(masked: TokenExplainer) -> None:
    found = masked.analyze(" ".join(["film"] * 61) + " [MASK]", ["input_x_gradient"])
    assert len(found.tokens) == 64


def test_roberta_reads_two_tokens_less_than_its_table_holds() -> None:
    made = tiny("roberta-class")
    rows = made.model.config.max_position_embeddings - made.model.config.pad_token_id - 1
    with made.explainer() as explainer:
        assert explainer.model.maximum_length == rows
        assert len(explainer.analyze(" ".join(["film"] * (rows - 2)), ["input_x_gradient"]).tokens) == rows
        with pytest.raises(TextTooLongError, match=f"reads at most {rows}"):
            explainer.analyze(" ".join(["film"] * (rows - 1)), ["input_x_gradient"])


@pytest.mark.parametrize("name", ["bert-class", "t5-class", "gpt2-class", "bart-class", "t5-span", "llama-next"])
def test_a_text_that_is_too_long_is_never_cut(name: str) -> None:
    made = tiny(name)
    made.tokenizer.model_max_length = 16
    with made.explainer() as explainer:
        text = " ".join([made.text] * 4)
        with pytest.raises(TextTooLongError, match="reads at most 16"):
            explainer.analyze(text.replace("___", "film") + (" ___" if "span" in name else ""), ["input_x_gradient"])


def test_constructing_without_what_is_needed_is_refused() -> None:
    made = tiny("bert-masked")
    with pytest.raises(InputError, match="without its tokenizer"):
        TokenExplainer(made.model)
    with pytest.raises(InputError, match="The task 'translation' is not known"):
        TokenExplainer(made.model, made.tokenizer, task="translation")
    with pytest.raises(UnsupportedError, match="BertForMaskedLM cannot do classification: it has a head for masked_lm"):
        TokenExplainer(made.model, made.tokenizer, task="classification")
    made.tokenizer.mask_token = None
    with pytest.raises(UnsupportedError, match="has no mask token"):
        TokenExplainer(made.model, made.tokenizer)
    assert made.model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("name", ["bert-masked", "bert-class", "gpt2-next", "t5-generation", "t5-class", "bert-embed"])
def test_the_task_is_found_from_the_head(name: str) -> None:
    made = tiny(name)
    with TokenExplainer(made.model, made.tokenizer) as explainer:
        assert explainer.model.task.name == made.task


@pytest.mark.parametrize("name", FAMILIES)
def test_attributions_agree_on_what_is_explained(name: str) -> None:
    made = tiny(name)
    with made.explainer() as explainer:
        methods = ["attention", "input_x_gradient", "integrated_gradients", "occlusion", "gradient_norm"]
        found = explainer.analyze(made.text, methods, target="very bad" if explainer.model.task.sequence else None)
    outputs = [one.output for one in found]
    assert outputs == pytest.approx([outputs[0]] * len(outputs), abs=1e-4)
    for one in found:
        assert one.tokens == found.tokens
        assert (one.target, one.foil, one.unit) == (found.target, found.foil, found.unit)
        assert one.passes > 0
        assert one.seconds >= 0
        assert not (one.scores < 0).any() or one.signed
        if one.step_scores is not None:
            assert one.step_scores.sum(0) == pytest.approx(one.scores, abs=1e-9)
            assert len(one.step_scores) == len(found.outputs)


def analyzed(made: Tiny, **asked: Any) -> Explanation:
    with made.explainer() as explainer:
        return explainer.analyze(made.text, ["input_x_gradient"], **asked)


@pytest.mark.parametrize("name", ["bert-masked", "bert-class", "gpt2-next", "t5-class", "t5-labels"])
def test_units_are_those_of_the_plain_logits(name: str) -> None:
    made = tiny(name)
    found = {unit: analyzed(made, target=1, unit=unit) for unit in ("logit", "log_probability", "probability")}
    target = found["logit"].target
    assert found["logit"]["input_x_gradient"].output == pytest.approx(target.logit, abs=1e-5)
    assert target.probability is not None
    assert found["log_probability"]["input_x_gradient"].output == pytest.approx(np.log(target.probability), abs=1e-5)
    assert found["probability"]["input_x_gradient"].output == pytest.approx(target.probability, abs=1e-6)
    assert all(one.unit == unit for unit, one in found.items())


def test_targets_by_name_and_by_index_are_one() -> None:
    made = tiny("bert-masked")
    index = made.tokenizer.convert_tokens_to_ids("plot")
    first, second = analyzed(made, target="plot"), analyzed(made, target=index)
    assert first.target == second.target
    assert np.array_equal(first["input_x_gradient"].scores, second["input_x_gradient"].scores)
    made = tiny("bert-class")
    made.model.config.id2label = {0: "Bad", 1: "Fair", 2: "Good"}
    for name in ("Good", "good", " GOOD "):
        assert analyzed(made, target=name).target.index == 2
    assert analyzed(made, target="fair", foil=0).foil == replace(analyzed(made, target="bad").target)


def test_the_prediction_is_explained_when_nothing_is_asked() -> None:
    for name in ("bert-masked", "bert-class", "gpt2-next"):
        made = tiny(name)
        found = analyzed(made)
        with torch.no_grad():
            logits = made.model(**made.plain_inputs()).logits[0]
        if name == "bert-masked":
            logits = logits[made.plain_inputs()["input_ids"][0].tolist().index(made.tokenizer.mask_token_id)]
        elif name == "gpt2-next":
            logits = logits[-1]
        assert found.target.index == int(logits.argmax())
        assert found.target == found.prediction.candidates[0]
        assert found.foil is None


def test_a_foil_of_a_sequence_is_compared_where_the_two_part(generator: TokenExplainer) -> None:
    found = generator.analyze(TEXT, ["input_x_gradient"], target="very good film", foil="very bad film")
    assert found.target.text.strip() == "good"
    assert found.foil is not None
    assert found.foil.text.strip() == "bad"
    assert len(found.outputs) == 1
    model, tokenizer = generator.model.model, generator.model.tokenizer
    ids = tokenizer(TEXT)["input_ids"] + tokenizer("very", add_special_tokens=False)["input_ids"]
    assert [token.id for token in found.tokens] == ids
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    good, bad = (tokenizer.convert_tokens_to_ids(word) for word in ("good", "bad"))
    assert found["input_x_gradient"].output == pytest.approx(float(logits[good] - logits[bad]), abs=1e-5)


@pytest.mark.parametrize("name", ["gpt2-generation", "t5-generation", "bert-masked", "t5-class"])
def test_asking_builds_no_graph(name: str) -> None:
    made = tiny(name)
    seen: list[bool] = []
    with made.explainer() as explainer:
        made.model.register_forward_hook(lambda module, given, output: seen.append(output[0].requires_grad))
        asked = {"target": "very good film", "foil": "very bad film"} if explainer.model.task.sequence else {"target": 1, "foil": 0}
        explainer.ask(made.text, **asked)
        assert seen
        assert not any(seen)
        explainer.ask(made.text, methods=[Occlusion()], **asked)
        assert not any(seen)


def test_a_model_that_is_loaded_for_one_task_is_not_asked_another() -> None:
    made = tiny("gpt2-next")
    with made.explainer() as explainer:
        assert TokenExplainer(explainer.model).model is explainer.model
        assert TokenExplainer(explainer.model, task="next_token").model is explainer.model
        with pytest.raises(InputError, match="loaded for next_token, not for generation"):
            TokenExplainer(explainer.model, task="generation")
