"""Predictions are those of transformers itself, only the explained position meets the head, and a contrast has a sign."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from families import FAMILIES, tiny
from transformers import pipeline

from explain import InputError, TargetError, TokenExplainer, UnsupportedError, load_model
from explain.models.bundled import bundled_folder

BUNDLED = {
    ("bert-mini", "masked_lm"): "Paris is the [MASK] of France.",
    ("distilbert-mini", "masked_lm"): "Paris is the [MASK] of France.",
    ("bert-mini", "classification"): "A delight from start to end.",
    ("distilbert-mini", "classification"): "A delight from start to end.",
    ("gpt2-mini", "classification"): "A delight from start to end.",
}


@pytest.mark.parametrize(("name", "task"), BUNDLED)
def test_predictions_of_bundled_models_are_those_of_the_pipeline(name: str, task: str) -> None:
    text = BUNDLED[name, task]
    kind = "fill-mask" if task == "masked_lm" else "text-classification"
    expected = pipeline(kind, model=str(bundled_folder(name)), top_k=2, dtype=torch.float32)(text)
    expected = expected[0] if isinstance(expected[0], list) else expected
    model = load_model(name, task=task)
    candidates = model.predict(model.encode(text)).candidates
    for candidate, reference in zip(candidates, expected, strict=False):
        assert candidate.probability == pytest.approx(reference["score"], abs=1e-5)
        assert candidate.text.strip() == reference.get("token_str", reference.get("label")).strip()


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


@pytest.mark.parametrize("name", ["gpt2-generation", "t5-generation", "t5-span", "bart-generation"])
def test_the_whole_output_scores_the_sum_of_its_teacher_forced_log_probabilities(name: str) -> None:
    made = tiny(name)
    explainer = made.explainer()
    output = "very bad plot"
    result = explainer.analyze(made.text, ["input_x_gradient"], target=output)
    ids = made.tokenizer(output, add_special_tokens=False)["input_ids"]
    source = made.tokenizer(made.text.replace("___", "<extra_id_0>"))["input_ids"]
    with torch.no_grad():
        if made.model.config.is_encoder_decoder:
            opening = [made.model.config.decoder_start_token_id] + ([20] if name == "t5-span" else [])
            logits = made.model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([opening + ids])).logits
            first = len(opening) - 1
        else:
            logits = made.model(input_ids=torch.tensor([source + ids])).logits
            first = len(source) - 1
    log_probabilities = logits[0].log_softmax(-1)
    expected = sum(float(log_probabilities[first + step, index]) for step, index in enumerate(ids))
    attribution = result["input_x_gradient"]
    assert attribution.output == pytest.approx(expected, abs=1e-4)
    assert attribution.step_scores is not None
    np.testing.assert_allclose(attribution.step_scores.sum(0), attribution.scores, atol=1e-9)
    assert attribution.step_scores.shape == (3, len(result.tokens))
    assert result.target.probability == pytest.approx(math.exp(expected), rel=1e-3)
    explainer.close()


def test_label_words_score_their_sequence_log_probability() -> None:
    made = tiny("t5-labels")
    explainer = TokenExplainer(made.model, made.tokenizer, task="classification", labels=("very good", "bad"), prefix="the film ")
    model = explainer.model
    prediction = model.predict(model.encode("was it"))
    source = torch.tensor([made.tokenizer("the film was it")["input_ids"]])
    scores = []
    for label in ("very good", "bad"):
        ids = made.tokenizer(label, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logits = made.model(input_ids=source, decoder_input_ids=torch.tensor([[0, *ids[:-1]]])).logits[0].log_softmax(-1)
        scores.append(sum(float(logits[i, index]) for i, index in enumerate(ids)))
    found = {candidate.text: candidate for candidate in prediction.candidates}
    for label, score in zip(("very good", "bad"), scores, strict=True):
        assert found[label].logit == pytest.approx(score, abs=1e-4)
        assert found[label].probability == pytest.approx(math.exp(score) / sum(map(math.exp, scores)), abs=1e-5)
    assert [token.special for token in model.encode("was it").tokens] == [True, True, False, False, True]
    explainer.close()


def test_the_embedding_scores_the_length_of_the_mean_vector() -> None:
    for name in ("bert-embed", "t5-embed"):
        made = tiny(name)
        ids = torch.tensor([made.tokenizer(made.text)["input_ids"]])
        trunk = made.model.get_encoder() if name.startswith("t5") else made.model
        with torch.no_grad():
            vector = trunk(input_ids=ids).last_hidden_state[0].mean(0)
        explainer = made.explainer()
        result = explainer.analyze(made.text, ["input_x_gradient"])
        assert result["input_x_gradient"].output == pytest.approx(float(vector.norm()), rel=1e-5)
        assert result.prediction.embedding is not None
        np.testing.assert_allclose(result.prediction.embedding, vector.numpy(), atol=1e-5)
        explainer.close()


def test_a_single_or_multi_label_head_has_a_sigmoid_per_label() -> None:
    made = tiny("bert-class")
    made.model.config.problem_type = "multi_label_classification"
    explainer = made.explainer()
    encoding = explainer.model.encode(made.text)
    with torch.no_grad():
        logits = made.model(**made.plain_inputs()).logits[0]
    for candidate in explainer.model.predict(encoding).candidates:
        assert candidate.probability == pytest.approx(float(logits[candidate.index].sigmoid()), abs=1e-5)
    result = explainer.analyze(made.text, ["input_x_gradient"], target=1, unit="log_probability")
    assert result["input_x_gradient"].output == pytest.approx(float(torch.nn.functional.logsigmoid(logits[1])), abs=1e-5)
    explainer.close()


@pytest.mark.parametrize(
    "name", [n for n, (_, _, task) in FAMILIES.items() if task in ("masked_lm", "next_token", "span_infilling", "generation")]
)
def test_only_explained_positions_go_through_the_head(name: str) -> None:
    made = tiny(name)
    explainer = made.explainer()
    analysis = explainer.ask(made.text)
    seen: list[int] = []
    head = made.model.get_output_embeddings()
    handle = head.register_forward_hook(lambda module, given, output: seen.append(given[0].shape[:-1].numel()))
    score = explainer.model.score(analysis.questions[0])
    score.value()
    score.of_embeddings(score.embeddings().repeat(3, 1, 1))
    handle.remove()
    assert seen == [1, 3]
    explainer.close()


@pytest.mark.parametrize("name", FAMILIES)
def test_the_model_is_unchanged_by_an_analysis(name: str) -> None:
    made = tiny(name)
    before: dict[str, Any] = {key: value.clone() for key, value in made.model.state_dict().items()}
    with made.explainer() as explainer:
        explainer.analyze(
            made.text, ["attention", "input_x_gradient", "lrp", "occlusion"], step=0 if explainer.model.task.sequence else None
        )
    assert all(torch.equal(value, before[key]) for key, value in made.model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in made.model.parameters())
    assert not made.model.training


@pytest.mark.parametrize("name", [n for n, (_, _, task) in FAMILIES.items() if task != "embedding"])
def test_a_contrast_the_other_way_round_has_the_other_sign(name: str) -> None:
    made = tiny(name)
    explainer = made.explainer()
    methods = ["input_x_gradient", "integrated_gradients", "shap", "lrp", "occlusion"]
    if explainer.model.task.sequence:
        pair = [explainer.analyze(made.text, methods, target=a, foil=b) for a, b in (("good", "bad"), ("bad", "good"))]
    else:
        a, b = ("0", "1") if explainer.model.task.name == "classification" else ("good", "bad")
        first, second = (int(a), int(b)) if a.isdigit() else (a, b)
        pair = [explainer.analyze(made.text, methods, target=x, foil=y) for x, y in ((first, second), (second, first))]
    for method in methods:
        scale = max(1.0, float(abs(pair[0][method].scores).max()))
        np.testing.assert_allclose(pair[0][method].scores, -pair[1][method].scores, atol=2e-5 * scale, err_msg=method)
        assert pair[0][method].output == pytest.approx(-pair[1][method].output, abs=1e-4)
    explainer.close()


def test_masks_may_be_written_in_several_ways_and_be_several() -> None:
    made = tiny("bert-masked")
    explainer = made.explainer()
    for mask in ("[MASK]", "<mask>", "___", "__", "[mask]"):
        assert explainer.model.encode(f"the {mask} was bad").position == 2
    text = "the [MASK] was ___"
    assert [explainer.model.encode(text, position=p).position for p in (None, 0, 1)] == [2, 2, 4]
    with pytest.raises(InputError, match="Mask 2 was asked for, but the text has 2"):
        explainer.model.encode(text, position=2)
    explainer.close()


def test_blanks_and_sentinels() -> None:
    made = tiny("t5-span")
    explainer = made.explainer()
    blank, sentinel = (explainer.model.encode(text) for text in ("the ___ was bad", "the <extra_id_0> was bad"))
    assert blank.text == sentinel.text
    assert blank.output == sentinel.output
    second = explainer.model.encode("the ___ was ___", position=1)
    first = explainer.model.encode("the ___ was ___", position=0)
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
            explainer.model.encode(text, position=3 if "Blank" in message else None)
    explainer.close()


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        ({"target": "zebra"}, TargetError, "'zebra' is not in the vocabulary"),
        ({"target": "very bad"}, TargetError, "split into very \\+ bad"),
        ({"target": 999}, TargetError, "999 does not exist"),
        ({"target": "good", "foil": "good"}, TargetError, "two different answers"),
        ({"unit": "bits"}, InputError, "'bits' is not known"),
        ({"step": 1}, InputError, "has one answer"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(ask: dict[str, Any], error: type[Exception], message: str) -> None:
    explainer = tiny("bert-masked").explainer()
    with pytest.raises(error, match=message):
        explainer.ask(tiny("bert-masked").text, **ask)
    explainer.close()


def test_a_task_without_its_head_is_refused() -> None:
    made = tiny("bert-masked")
    with pytest.raises(UnsupportedError, match="has a head for masked_lm"):
        TokenExplainer(made.model, made.tokenizer, task="classification")
    with pytest.raises(UnsupportedError, match="names no labels"):
        TokenExplainer(tiny("t5-labels").model, made.tokenizer, task="classification")
    with pytest.raises(InputError, match="without its tokenizer"):
        TokenExplainer(made.model)
