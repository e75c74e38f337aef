"""Span infilling: which tokens made a T5 model fill this blank so? (Raffel et al., 2020)"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch

from explain.errors import InputError, UnsupportedError
from explain.models import architectures
from explain.models.instrumented import InstrumentedModel
from explain.models.tasks.masked_lm import BLANK, extent
from explain.models.tasks.sequence import SPAN, STEP, SequenceTask, given_ids, greedy, with_output
from explain.models.tasks.task import FOIL, UNIT, encode_input
from explain.types import Encoding, Question

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SENTINEL = re.compile(r"<extra_id_\d+>")
NEW_TOKENS = 8


class SpanInfilling(SequenceTask):
    """A text with sentinels or blanks; the span that fills one of them is explained, token by token and as a whole.

    The sentinel that closes the span is not part of it.
    """

    name = "span_infilling"
    title = "Span infilling"
    intro = "Write <extra_id_0> or ___ where a span is missing. Which tokens made the model fill it so?"
    text_label = "Text with a blank"
    asks = {"target": "Span to explain", "foil": FOIL, "unit": UNIT, "position": "Which blank (from 0)", "step": STEP, "span": SPAN}
    auto_classes = ("AutoModelForSeq2SeqLM",)
    heads = ("generation",)

    def check(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        if not architectures.is_encoder_decoder(model) or "<extra_id_0>" not in tokenizer.get_vocab():
            raise UnsupportedError(
                f"{type(model).__name__} was not trained to fill spans: span infilling needs an encoder-decoder whose tokenizer has "
                "sentinels <extra_id_0>, <extra_id_1>, … (T5 and its relatives)."
            )
        architectures.decoder_start(model)

    def output_ids(self, model: InstrumentedModel, encoding: Encoding, text: str) -> tuple[int, ...]:
        return given_ids(model, text)

    def needed(self, model: InstrumentedModel, text: str) -> tuple[int, int]:
        return extent(re.compile(f"{BLANK.pattern}|{SENTINEL.pattern}", re.IGNORECASE), text)

    def encode(self, model: InstrumentedModel, question: Question) -> Encoding:
        output = self.given_output(question)
        text = self._with_sentinels(question.text)
        count = len(SENTINEL.findall(text))
        if count == 0:
            raise InputError("The text has no blank. Write <extra_id_0> (or ___) where a span is to be filled in.")
        chosen = question.position or 0
        if not 0 <= chosen < count:
            raise InputError(f"Blank {chosen} was asked for, but the text has {count} (counted from 0).")
        encoding = encode_input(model, text)
        opening = [architectures.decoder_start(model.model)]
        for number in range(chosen + 1):
            opening.append(model.tokenizer.convert_tokens_to_ids(f"<extra_id_{number}>"))
            if number < chosen or output is None:
                span = self._fill(model, encoding, opening)
                if number < chosen:
                    opening += span
        return with_output(model, encoding, opening, self.output_ids(model, encoding, output) if output is not None else tuple(span))

    @staticmethod
    def _with_sentinels(text: str) -> str:
        """Blanks become sentinels numbered from 0; a text that has sentinels must number them so."""
        found = SENTINEL.findall(text)
        blanks = BLANK.findall(text)
        if found and blanks:
            raise InputError(f"The text mixes sentinels ({found[0]}) and blanks ({blanks[0]}). Use one kind.")
        if found != [f"<extra_id_{i}>" for i in range(len(found))]:
            raise InputError(f"Sentinels must be numbered from 0 in order, but the text has {', '.join(found)}.")
        numbers = iter(range(len(blanks)))
        return BLANK.sub(lambda _: f"<extra_id_{next(numbers)}>", text)

    @staticmethod
    def _fill(model: InstrumentedModel, encoding: Encoding, opening: list[int]) -> list[int]:
        """The model's greedy span after `opening`, at least one token, up to the next sentinel or the end."""
        vocabulary = model.tokenizer.get_vocab()
        closing = {index for piece, index in vocabulary.items() if SENTINEL.fullmatch(piece)} | set(model.tokenizer.all_special_ids)
        ids = greedy(
            model,
            new_tokens=NEW_TOKENS,
            suppressed_first=sorted(closing),
            decoder_input_ids=torch.tensor([opening], device=model.device),
            **{name: encoding.inputs[name] for name in ("input_ids", "attention_mask") if name in encoding.inputs},
        )[len(opening) :]
        end = next((number for number, index in enumerate(ids) if index in closing), len(ids))
        return ids[:end]
