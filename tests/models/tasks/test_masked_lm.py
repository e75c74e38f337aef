"""Masked language modelling: predictions are those of transformers, wherever and however the mask is written."""

from __future__ import annotations

import pytest
import torch
from transformers import pipeline
from zoo import real, tiny

from explain import InputError, load_model
from explain.models.bundled import bundled_folder
from explain.types import Question

MASKED = ["bert-masked", "roberta-masked"]


@pytest.mark.parametrize("name", MASKED)
def test_masks_are_filled_as_by_the_pipeline(name: str) -> None:
    made = real(name)
    mask = made.tokenizer.mask_token
    text = f"The film was {mask}, but the plot is bad."
    expected = pipeline("fill-mask", model=made.plain, tokenizer=made.tokenizer, top_k=10)(text)
    with made.explainer() as explainer:
        found = explainer.model.ask(text)[0].candidates
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
                encoding = explainer.model.encode(Question(written.format(spelling, spelling), position=position))
                assert encoding.text == written.format(mask, mask)
                found = explainer.ask(written.format(spelling, spelling), position=position).prediction.candidates
                assert [one.index for one in found] == [one["token"] for one in expected[position]]
                assert [one.probability for one in found] == pytest.approx([one["score"] for one in expected[position]], abs=1e-5)


def test_roberta_masks_take_the_space_before_them() -> None:
    made = real("roberta-masked")
    with made.explainer() as explainer:
        encoding = explainer.model.encode("the film was ___.")
    joined = "".join(token.before + token.text for token in encoding.tokens)
    assert joined == "the film was <mask>."
    assert encoding.position is not None
    assert encoding.tokens[encoding.position].id == made.tokenizer.mask_token_id
    assert encoding.tokens[encoding.position].text == "<mask>"


def test_masks_may_be_written_in_several_ways_and_be_several() -> None:
    made = tiny("bert-masked")
    explainer = made.explainer()
    for mask in ("[MASK]", "<mask>", "___", "__", "[mask]"):
        assert explainer.model.encode(f"the {mask} was bad").position == 2
    text = "the [MASK] was ___"
    assert [explainer.model.encode(Question(text, position=p)).position for p in (None, 0, 1)] == [2, 2, 4]
    with pytest.raises(InputError, match="Mask 2 was asked for, but the text has 2"):
        explainer.model.encode(Question(text, position=2))
    explainer.close()


@pytest.mark.parametrize("name", ["bert-mini", "distilbert-mini"])
def test_predictions_of_bundled_models_are_those_of_the_pipeline(name: str) -> None:
    text = "Paris is the [MASK] of France."
    expected = pipeline("fill-mask", model=str(bundled_folder(name)), top_k=2, dtype=torch.float32)(text)
    for candidate, reference in zip(load_model(name, task="masked_lm").ask(text)[0].candidates, expected, strict=False):
        assert candidate.probability == pytest.approx(reference["score"], abs=1e-5)
        assert candidate.text.strip() == reference["token_str"].strip()
