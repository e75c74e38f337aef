"""Generation: each output token against the input and the output before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from explain.models import architectures
from explain.models.instrumented import InstrumentedModel
from explain.models.tasks.chat import encode_question, with_answer
from explain.models.tasks.sequence import SPAN, STEP, SequenceTask, given_ids, greedy, with_output
from explain.models.tasks.task import FOIL, UNIT
from explain.types import Encoding, Question

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

NEW_TOKENS = 12
CHAT_TOKENS = 64


class Generation(SequenceTask):
    """The text that a model writes after (causal) or from (encoder-decoder) the input, or its answer in a chat.

    A chat may end with the answer that is to be explained.
    """

    name = "generation"
    title = "Generation"
    intro = "Every token that the model writes, against the input and what it wrote before."
    text_label = "Input"
    asks = {"target": "Output to explain", "foil": FOIL, "unit": UNIT, "step": STEP, "span": SPAN}
    auto_classes = ("AutoModelForSeq2SeqLM", "AutoModelForCausalLM")
    heads = ("generation", "next_token")
    chats = True

    @classmethod
    def auto_class(cls, heads: Sequence[str]) -> str:
        return cls.auto_classes[0 if cls.name in heads else 1]

    def check(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        if architectures.is_encoder_decoder(model):
            architectures.decoder_start(model)

    def output_ids(self, model: InstrumentedModel, encoding: Encoding, text: str) -> tuple[int, ...]:
        if any(span.role for span in encoding.spans):
            return given_ids(model, text.strip())
        if not architectures.is_encoder_decoder(model.model) and not text[:1].isspace():
            text = f" {text}"
        return given_ids(model, text)

    def needed(self, model: InstrumentedModel, text: str) -> tuple[int, int]:
        place = 0 if architectures.is_encoder_decoder(model.model) else len(text)
        return place, place

    def encode(self, model: InstrumentedModel, question: Question) -> Encoding:
        question = with_answer(question)
        output = self.given_output(question)
        encoding = encode_question(model, question)
        decoder = architectures.is_encoder_decoder(model.model)
        opening = [architectures.decoder_start(model.model)] if decoder else []
        if output is not None:
            return with_output(model, encoding, opening, self.output_ids(model, encoding, output))
        room = wanted = CHAT_TOKENS if question.messages else NEW_TOKENS
        if not decoder and model.maximum_length is not None:
            room = model.maximum_length - len(encoding.tokens) + 1
        ends = _ends(model)
        inputs = {name: encoding.inputs[name] for name in ("input_ids", "attention_mask") if name in encoding.inputs}
        ids = greedy(model, new_tokens=min(wanted, room), suppressed_first=sorted(ends), **inputs)
        written = ids[len(opening) if decoder else len(encoding.tokens) :]
        length = next((number for number, index in enumerate(written) if index in ends), len(written))
        return with_output(model, encoding, opening, tuple(written[:length]))


def _ends(model: InstrumentedModel) -> set[int]:
    """What ends an output: of chat models often the end of a turn beside the end of a text."""
    given = getattr(model.model.generation_config, "eos_token_id", None)
    known = [model.tokenizer.eos_token_id, *(given if isinstance(given, list | tuple) else [given])]
    return {index for index in known if index is not None}
