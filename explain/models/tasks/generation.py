"""Generation: each output token against the input and the output before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from explain.models import architectures
from explain.models.instrumented import InstrumentedModel
from explain.models.tasks.sequence import STEP, SequenceTask, given_ids, greedy, with_output
from explain.models.tasks.task import FOIL, UNIT, encode_input
from explain.types import Encoding, Question

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

NEW_TOKENS = 12


class Generation(SequenceTask):
    """The text that a model writes after (causal) or from (encoder-decoder) the input."""

    name = "generation"
    title = "Generation"
    intro = "Every token that the model writes, against the input and what it wrote before."
    text_label = "Input"
    asks = {"target": "Output to explain", "foil": FOIL, "unit": UNIT, "step": STEP}
    auto_classes = ("AutoModelForSeq2SeqLM", "AutoModelForCausalLM")
    heads = ("generation", "next_token")

    @classmethod
    def auto_class(cls, heads: Sequence[str]) -> str:
        return cls.auto_classes[0 if cls.name in heads else 1]

    def check(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        if architectures.is_encoder_decoder(model):
            architectures.decoder_start(model)

    def output_ids(self, model: InstrumentedModel, text: str) -> tuple[int, ...]:
        if not architectures.is_encoder_decoder(model.model) and not text[:1].isspace():
            text = f" {text}"
        return given_ids(model, text)

    def needed(self, model: InstrumentedModel, text: str) -> tuple[int, int]:
        place = 0 if architectures.is_encoder_decoder(model.model) else len(text)
        return place, place

    def encode(self, model: InstrumentedModel, question: Question) -> Encoding:
        output = self.given_output(question)
        encoding = encode_input(model, question.text)
        decoder = architectures.is_encoder_decoder(model.model)
        opening = [architectures.decoder_start(model.model)] if decoder else []
        if output is not None:
            return with_output(model, encoding, opening, self.output_ids(model, output))
        room = NEW_TOKENS if decoder or model.maximum_length is None else model.maximum_length - len(encoding.tokens) + 1
        end = model.tokenizer.eos_token_id
        inputs = {name: encoding.inputs[name] for name in ("input_ids", "attention_mask") if name in encoding.inputs}
        ids = greedy(model, new_tokens=min(NEW_TOKENS, room), suppressed_first=[] if end is None else [end], **inputs)
        written = ids[len(opening) if decoder else len(encoding.tokens) :]
        if end in written:
            written = written[: written.index(end)]
        return with_output(model, encoding, opening, tuple(written))
