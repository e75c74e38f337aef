"""Each family with a tokenizer of its own kind: predictions, targets and outputs are those of transformers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tiny import SENTINELS, Tiny, real
from transformers import pipeline

from explain import TargetError, TokenExplainer
from explain.types import Segment

MASKED = ["bert-masked", "roberta-masked"]
CAUSAL = ["gpt2-next", "llama-next"]


@pytest.mark.parametrize("name", MASKED)
def test_masks_are_filled_as_by_the_pipeline(name: str) -> None:
    made = real(name)
    mask = made.tokenizer.mask_token
    text = f"The film was {mask}, but the plot is bad."
    expected = pipeline("fill-mask", model=made.plain, tokenizer=made.tokenizer, top_k=10)(text)
    with made.explainer() as explainer:
        found = explainer.model.predict(explainer.model.encode(text)).candidates
    assert [one.index for one in found] == [one["token"] for one in expected]
    for one, reference in zip(found, expected, strict=True):
        assert one.probability == pytest.approx(reference["score"], abs=1e-5)
        assert one.text.strip() == reference["token_str"].strip() or not reference["token_str"].strip()


@pytest.mark.parametrize("name", MASKED)
def test_every_mask_of_several_is_filled_where_it_stands(name: str) -> None:
    made = real(name)
    mask = made.tokenizer.mask_token
    written = "The {} was very {}."
    expected = pipeline("fill-mask", model=made.plain, tokenizer=made.tokenizer, top_k=10)(written.format(mask, mask))
    with made.explainer() as explainer:
        for spelling in (mask, "[MASK]", "<mask>", "___", "[mask]", "<MASK>", "__"):
            for position in (0, 1):
                encoding = explainer.model.encode(written.format(spelling, spelling), position=position)
                assert encoding.text == written.format(mask, mask)
                found = explainer.model.predict(encoding).candidates
                assert [one.index for one in found] == [one["token"] for one in expected[position]]
                assert [one.probability for one in found] == pytest.approx([one["score"] for one in expected[position]], abs=1e-5)


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
        found = explainer.model.predict(explainer.model.encode(text)).candidates
    assert {one.text for one in found} == set(expected)
    for one in found:
        assert one.probability == pytest.approx(expected[one.text], abs=1e-5)
    assert [one.probability for one in found] == sorted((one.probability for one in found), reverse=True)


@pytest.mark.parametrize("name", CAUSAL)
def test_the_next_token_is_that_of_the_plain_model(name: str) -> None:
    made = real(name)
    for text in ("the film was", "the film was ", "the film was\n", "中文 🎬 é"):
        expected = made.logits(text)[-1]
        with made.explainer() as explainer:
            found = explainer.model.predict(explainer.model.encode(text)).candidates
        assert [one.index for one in found] == expected.topk(10).indices.tolist()
        for one in found:
            assert one.probability == pytest.approx(float(expected.softmax(-1)[one.index]), abs=1e-5)
            assert one.logit == pytest.approx(float(expected[one.index]), abs=1e-5)


def test_greedy_text_is_that_of_the_pipeline() -> None:
    made = real("gpt2-next")
    text = "the film was"
    write = pipeline("text-generation", model=made.plain, tokenizer=made.tokenizer)
    with made.explainer(task="generation") as explainer:
        encoding = explainer.model.encode(text)
        length = len(encoding.output)
        end = made.tokenizer.eos_token_id
        expected = write(text, max_new_tokens=length, do_sample=False, return_full_text=False, begin_suppress_tokens=[end])
        assert explainer.model.predict(encoding).text == expected[0]["generated_text"].strip()


@pytest.mark.parametrize(
    ("name", "output"), [("gpt2-next", "not very good"), ("llama-next", "not very good"), ("bart-generation", "bad plot")]
)
def test_a_given_output_scores_its_teacher_forced_log_probability(name: str, output: str) -> None:
    made = real(name)
    text = "the film was"
    with made.explainer(task="generation") as explainer:
        ids = explainer.model.encode(text, output=output).output
        found = explainer.analyze(text, ["input_x_gradient"], target=output)
    assert made.tokenizer.decode(list(ids)).strip() == output
    if made.plain.config.is_encoder_decoder:
        start = made.plain.config.decoder_start_token_id
        logits = made.logits(text, decoder_input_ids=torch.tensor([[start, *ids[:-1]]]))
    else:
        length = made.ids(text).shape[1]
        with torch.no_grad():
            logits = made.plain(torch.cat([made.ids(text), torch.tensor([ids])], dim=1)).logits[0, length - 1 : -1]
    each = logits.log_softmax(-1)[torch.arange(len(ids)), list(ids)]
    assert found["input_x_gradient"].output == pytest.approx(float(each.sum()), abs=1e-4)
    assert [step.probability for step in found.prediction.steps] == pytest.approx(each.exp().tolist(), abs=1e-5)
    assert found.target.probability == pytest.approx(math.exp(float(each.sum())), rel=1e-3)
    shown = "".join(token.before + token.text for token in found.tokens if token.segment is Segment.OUTPUT)
    assert not any(mark in shown for mark in "Ġ▁")


def test_a_continuation_joins_the_text_as_one_would_type_it() -> None:
    made = real("gpt2-next")
    whole = made.tokenizer("the film was not very good")["input_ids"]
    with made.explainer(task="generation") as explainer:
        for output in ("not very good", " not very good"):
            encoding = explainer.model.encode("the film was", output=output)
            assert [*encoding.inputs["input_ids"][0].tolist(), encoding.output[-1]] == whole


def filled(made: Tiny, text: str, opening: list[int], ids: list[int]) -> torch.Tensor:
    logits = made.logits(text, decoder_input_ids=torch.tensor([opening + ids[:-1]]))[len(opening) - 1 :]
    return logits.log_softmax(-1)[torch.arange(len(ids)), ids]


def test_a_given_span_scores_its_teacher_forced_log_probability() -> None:
    made = real("t5-span")
    first, second = made.tokenizer.convert_tokens_to_ids(SENTINELS[:2])
    ids = made.tokenizer("very good", add_special_tokens=False)["input_ids"]
    for text in ("the film was ___.", "the film was <extra_id_0>."):
        with made.explainer() as explainer:
            found = explainer.analyze(text, ["input_x_gradient"], target="very good")
        each = filled(made, "the film was <extra_id_0>.", [0, first], ids)
        assert found["input_x_gradient"].output == pytest.approx(float(each.sum()), abs=1e-4)
        assert [step.probability for step in found.prediction.steps] == pytest.approx(each.exp().tolist(), abs=1e-5)
    text = "the ___ was ___."
    with made.explainer() as explainer:
        before = list(explainer.model.encode(text, position=0).output)
        found = explainer.analyze(text, ["input_x_gradient"], target="very good", position=1)
    each = filled(made, "the <extra_id_0> was <extra_id_1>.", [0, first, *before, second], ids)
    assert found["input_x_gradient"].output == pytest.approx(float(each.sum()), abs=1e-4)


def test_a_free_span_is_greedy_up_to_what_closes_it() -> None:
    made = real("t5-span", seed=3)
    text = "the film was <extra_id_0> good"
    sentinels = set(made.tokenizer.convert_tokens_to_ids(SENTINELS))
    closing = sentinels | {made.tokenizer.eos_token_id, made.tokenizer.pad_token_id, made.tokenizer.unk_token_id}
    read, span = [0, made.tokenizer.convert_tokens_to_ids(SENTINELS[0])], []
    while len(span) < 8:
        logits = made.logits(text, decoder_input_ids=torch.tensor([read + span]))[-1]
        if not span:
            logits[list(closing)] = -math.inf
        index = int(logits.argmax())
        if index in closing:
            break
        span.append(index)
    with made.explainer() as explainer:
        assert list(explainer.model.encode(text).output) == span


def test_label_words_of_several_pieces_score_their_sequence() -> None:
    made = real("t5-span")
    labels = ("positive", "not very good")
    with made.explainer(task="classification", labels=labels, prefix="sst2: ") as explainer:
        encoding = explainer.model.encode("the film")
        found = {one.text: one for one in explainer.model.predict(encoding).candidates}
    scores = []
    for label in labels:
        ids = made.tokenizer(label, add_special_tokens=False)["input_ids"]
        scores.append(float(filled(made, "sst2: the film", [0], ids).sum()))
    shares = torch.tensor(scores).softmax(-1).tolist()
    for label, score, share in zip(labels, scores, shares, strict=True):
        assert found[label].logit == pytest.approx(score, abs=1e-4)
        assert found[label].probability == pytest.approx(share, abs=1e-5)
    assert "".join(token.before + token.text for token in encoding.tokens if not token.special).strip() == "the film"


@pytest.mark.parametrize("name", [*MASKED, *CAUSAL])
def test_a_target_is_meant_with_or_without_its_space(name: str) -> None:
    made = real(name)
    text = f"the film was {made.tokenizer.mask_token}" if made.task == "masked_lm" else "the film was"
    with made.explainer() as explainer:

        def index(target: Any) -> int:
            return explainer.ask(text, target=target).questions[0].target.index

        vocabulary = made.tokenizer.get_vocab()
        spellings = [vocabulary[piece] for piece in ("good", "Ġgood", "▁good") if piece in vocabulary]
        logits = {spelling: explainer.ask(text, target=spelling).questions[0].target.logit for spelling in spellings}
        assert index("good") == max(spellings, key=lambda spelling: logits[spelling])  # the likelier of the two
        assert index(" good") == spellings[-1]
        assert index(spellings[-1]) == spellings[-1]
        with pytest.raises(TargetError, match="is not one token"):
            index("notgoodxyz")


def test_targets_of_several_pieces_name_them_as_a_person_reads_them() -> None:
    made = real("gpt2-next")
    with made.explainer() as explainer, pytest.raises(TargetError) as caught:
        explainer.ask("the film", target="film plot")
    assert "film + plot" in str(caught.value)
    assert "Ġ" not in str(caught.value)


def test_roberta_masks_take_the_space_before_them() -> None:
    made = real("roberta-masked")
    with made.explainer() as explainer:
        encoding = explainer.model.encode("the film was ___.")
    joined = "".join(token.before + token.text for token in encoding.tokens)
    assert joined == "the film was <mask>."
    assert encoding.position is not None
    assert encoding.tokens[encoding.position].id == made.tokenizer.mask_token_id
    assert encoding.tokens[encoding.position].text == "<mask>"


@pytest.mark.parametrize("name", ["bert-class", "gpt2-class", "roberta-class", "t5-class"])
def test_labels_are_read_from_the_configuration(name: str) -> None:
    made = real(name, num_labels=2)
    made.model.config.id2label = {0: "negative", 1: "positive"}
    with TokenExplainer(made.model, made.tokenizer) as explainer:
        analysis = explainer.ask("the film", target="Positive", foil="negative")
    assert (analysis.target.index, analysis.target.text) == (1, "positive")
