"""Masked language modelling: which tokens made the model fill this mask so?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from explain.errors import InputError, UnsupportedError
from explain.models.instrumented import InstrumentedModel
from explain.models.tasks.task import FOIL, UNIT, at, encode_input
from explain.models.tasks.vocabulary import VocabularyTask
from explain.types import Encoding, Question

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BLANK = re.compile(r"\[MASK\]|<mask>|_{2,}", re.IGNORECASE)


def extent(blanks: re.Pattern[str], text: str) -> tuple[int, int]:
    """First and last character (after) of all blanks; the start of a text without any."""
    found = [match.span() for match in blanks.finditer(text)]
    return (found[0][0], found[-1][1]) if found else (0, 0)


class MaskedLM(VocabularyTask):
    """A text with one or several masks; one of them is explained."""

    name = "masked_lm"
    title = "Masked language model"
    intro = "Write a sentence with a [MASK]. Which tokens made the model fill it so?"
    text_label = "Text with a [MASK]"
    asks = {"target": "Word to explain", "foil": FOIL, "unit": UNIT, "position": "Which mask (from 0)"}
    auto_classes = ("AutoModelForMaskedLM",)
    heads = ("masked_lm",)

    def check(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        if tokenizer.mask_token is None:
            raise UnsupportedError(f"The tokenizer {type(tokenizer).__name__} has no mask token, so there is nothing to fill in.")

    def needed(self, model: InstrumentedModel, text: str) -> tuple[int, int]:
        return extent(re.compile(f"{BLANK.pattern}|{re.escape(model.tokenizer.mask_token)}", re.IGNORECASE), text)

    def encode(self, model: InstrumentedModel, question: Question) -> Encoding:
        mask = model.tokenizer.mask_token
        encoding = encode_input(model, BLANK.sub(lambda _: mask, question.text))
        masks = [i for i, token in enumerate(encoding.tokens) if token.id == model.tokenizer.mask_token_id]
        if not masks:
            raise InputError(f"The text has no mask. Write {mask} (or [MASK], <mask>, ___) where a word is to be predicted.")
        chosen = question.position or 0
        if not 0 <= chosen < len(masks):
            raise InputError(f"Mask {chosen} was asked for, but the text has {len(masks)} (counted from 0).")
        return at(encoding, masks[chosen], mask if len(masks) == 1 else f"{mask} {chosen + 1} of {len(masks)}")
