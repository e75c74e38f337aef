"""Classification: labels, units and label words, against the plain model."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import pipeline
from zoo import Tiny, real, tiny

from explain import TokenExplainer, load_model
from explain.models.bundled import bundled_folder


@pytest.mark.parametrize("name", ["bert-mini", "distilbert-mini", "gpt2-mini"])
def test_predictions_of_bundled_models_are_those_of_the_pipeline(name: str) -> None:
    text = "A delight from start to end."
    expected = pipeline("text-classification", model=str(bundled_folder(name)), top_k=2, dtype=torch.float32)(text)
    expected = expected[0] if isinstance(expected[0], list) else expected
    model = load_model(name, task="classification")
    candidates = model.ask(text)[0].candidates
    for candidate, reference in zip(candidates, expected, strict=False):
        assert candidate.probability == pytest.approx(reference["score"], abs=1e-5)
        assert candidate.text.strip() == reference["label"]


@pytest.mark.parametrize("name", ["bert-class", "roberta-class", "gpt2-class", "t5-class"])
@pytest.mark.parametrize("labels", [1, 2, 3])
def test_classes_are_those_of_the_pipeline(name: str, labels: int) -> None:
    made = real(name, num_labels=labels)
    text = "The film wasn't very good…"
    function = "sigmoid" if labels == 1 else "softmax"
    if name == "t5-class":
        logits = made.logits(text)
        values = logits.sigmoid() if labels == 1 else logits.softmax(-1)
        expected = {f"LABEL_{index}": float(value) for index, value in enumerate(values)}
    else:
        classify = pipeline("text-classification", model=made.plain, tokenizer=made.tokenizer, top_k=None, function_to_apply=function)
        expected = {one["label"]: one["score"] for one in classify([text])[0]}
    with made.explainer() as explainer:
        found = explainer.model.ask(text)[0].candidates
    assert {one.text for one in found} == set(expected)
    for one in found:
        assert one.probability == pytest.approx(expected[one.text], abs=1e-5)
    assert [one.probability for one in found] == sorted((one.probability for one in found), reverse=True)


@pytest.mark.parametrize("name", ["bert-class", "gpt2-class", "roberta-class", "t5-class"])
def test_labels_are_read_from_the_configuration(name: str) -> None:
    made = real(name, num_labels=2)
    made.model.config.id2label = {0: "negative", 1: "positive"}
    with TokenExplainer(made.model, made.tokenizer) as explainer:
        analysis = explainer.ask("the film", target="Positive", foil="negative")
    assert (analysis.target.index, analysis.target.text) == (1, "positive")


def test_a_single_or_multi_label_head_has_a_sigmoid_per_label() -> None:
    made = tiny("bert-class")
    made.model.config.problem_type = "multi_label_classification"
    explainer = made.explainer()
    with torch.no_grad():
        logits = made.model(**made.plain_inputs()).logits[0]
    for candidate in explainer.model.ask(made.text)[0].candidates:
        assert candidate.probability == pytest.approx(float(logits[candidate.index].sigmoid()), abs=1e-5)
    result = explainer.analyze(made.text, ["input_x_gradient"], target=1, unit="log_probability")
    assert result["input_x_gradient"].output == pytest.approx(float(torch.nn.functional.logsigmoid(logits[1])), abs=1e-5)
    explainer.close()


def test_label_words_score_their_sequence_log_probability() -> None:
    made = tiny("t5-labels")
    explainer = TokenExplainer(made.model, made.tokenizer, task="classification", labels=("very good", "bad"), prefix="the film ")
    model = explainer.model
    prediction = model.ask("was it")[0]
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


def filled(made: Tiny, text: str, opening: list[int], ids: list[int]) -> torch.Tensor:
    logits = made.logits(text, decoder_input_ids=torch.tensor([opening + ids[:-1]]))[len(opening) - 1 :]
    return logits.log_softmax(-1)[torch.arange(len(ids)), ids]


def test_label_words_of_several_pieces_score_their_sequence() -> None:
    made = real("t5-span")
    labels = ("positive", "not very good")
    with made.explainer(task="classification", labels=labels, prefix="sst2: ") as explainer:
        encoding = explainer.model.encode("the film")
        found = {one.text: one for one in explainer.model.ask("the film")[0].candidates}
    scores = []
    for label in labels:
        ids = made.tokenizer(label, add_special_tokens=False)["input_ids"]
        scores.append(float(filled(made, "sst2: the film", [0], ids).sum()))
    shares = torch.tensor(scores).softmax(-1).tolist()
    for label, score, share in zip(labels, scores, shares, strict=True):
        assert found[label].logit == pytest.approx(score, abs=1e-4)
        assert found[label].probability == pytest.approx(share, abs=1e-5)
    assert "".join(token.before + token.text for token in encoding.tokens if not token.special).strip() == "the film"
