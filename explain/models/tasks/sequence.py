"""What span infilling and generation share: an output of several tokens, each explained given those before it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from explain.errors import InputError, TargetError
from explain.models import architectures
from explain.models.instrumented import InstrumentedModel
from explain.models.reading import Reading, Under
from explain.models.score import Score
from explain.models.tasks.passage import passage_score, passage_steps
from explain.models.tasks.task import distinct
from explain.models.tasks.vocabulary import VocabularyTask
from explain.tokens import tokens_of
from explain.types import Encoding, Prediction, Question, Segment, Target, Token, Unit

STEP = "Which output token"
SPAN = "Passage of the output"


class SequenceTask(VocabularyTask):
    """The output is the model's own greedy text or one that is given; its tokens are explained one by one.

    The score of the whole output is the sum over its tokens, so its log-probability in the default unit. A foil is compared at the
    first token where it parts from the output, given the prefix they share (Yin & Neubig, 2022). A passage of the output, and the whole
    answer in a chat, is explained as one score (`Passage`).
    """

    units = (Unit.LOG_PROBABILITY, Unit.LOGIT)
    sequence = True

    @abstractmethod
    def output_ids(self, model: InstrumentedModel, encoding: Encoding, text: str) -> tuple[int, ...]:
        """A given output as vocabulary indices."""

    def given_output(self, question: Question) -> str | None:
        """The output that is to be explained; `None` for the model's own.

        Raises:
            InputError: It is not a text.
        """
        if question.target is not None and not isinstance(question.target, str):
            raise InputError(f"{self.title} explains a text, not an index: give the output to explain as text, or leave it out.")
        return question.target

    def answer(
        self,
        model: InstrumentedModel,
        encoding: Encoding,
        question: Question,
        *,
        recording: bool = False,
        differentiable: bool = False,
        under: Under | None = None,
    ) -> tuple[Prediction, tuple[Score, ...]]:
        unit = self.unit(question.unit)
        if question.span is not None and (question.step is not None or question.foil is not None):
            raise InputError("A passage of the output is explained as one: leave step and foil out, or the passage.")
        logits = self.step_logits(model, encoding)
        steps = tuple(self.describe(model, row, index) for row, index in zip(logits, encoding.output, strict=True))
        text = model.tokenizer.decode(list(encoding.output)).strip()
        prediction = Prediction(self.name, self.best(model, logits[0]), text, steps)
        length = len(steps)
        if question.step is not None and not 0 <= question.step < length:
            raise InputError(f"Step {question.step} was asked for, but the output has {length} tokens (counted from 0).")

        in_chat = question.messages is not None and question.step is None and question.foil is None
        if question.span is not None or in_chat:
            first, end = passage_steps(model, encoding.output, question.span)
            return prediction, (passage_score(model, self, at_step(encoding, end - 1), steps[first:end], unit),)

        def score(step: int, foil: Target | None) -> Score:
            return Score(model, self, at_step(encoding, step), steps[step], foil, unit, Reading(logits[step]))

        if question.foil is None:
            return prediction, tuple(score(s, None) for s in (range(length) if question.step is None else (question.step,)))
        step, index = self._parting(model, encoding, logits, question.foil, question.step)
        return prediction, (score(step, distinct(steps[step], self.describe(model, logits[step], index))),)

    def step_logits(self, model: InstrumentedModel, encoding: Encoding) -> Tensor:
        """Logits [steps, C] at every step of the output, in one pass: no step sees the output after it."""
        inputs, last = encoding.batch()
        if last is None:
            raise ValueError("This encoding has no output.")
        back = torch.arange(len(encoding.output) - 1, -1, -1, device=last.device)
        with torch.no_grad():
            return self.logits_at(model, inputs, last[:, None] - back)[0]

    def _parting(self, model: InstrumentedModel, encoding: Encoding, logits: Tensor, foil: str | int, step: int | None) -> tuple[int, int]:
        """The step at which a foil is compared, and its vocabulary index there."""
        if isinstance(foil, int) or step is not None:
            return step or 0, self.target(model, logits[step or 0], foil).index
        ids = self.output_ids(model, encoding, foil)
        pairs = enumerate(zip(encoding.output, ids, strict=False))
        step = next((number for number, (mine, other) in pairs if mine != other), None)
        if step is None:
            raise TargetError(f"The foil {foil!r} never parts from the output: a contrast needs two different texts.")
        return step, ids[step]


def given_ids(model: InstrumentedModel, text: str) -> tuple[int, ...]:
    """A given output as vocabulary indices."""
    ids: list[int] = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    if not ids:
        raise TargetError("The output to explain is empty. Leave it out to explain the model's own.")
    return tuple(ids)


def greedy(model: InstrumentedModel, *, new_tokens: int, suppressed_first: list[int], **inputs: torch.Tensor) -> list[int]:
    """The model's own greedy continuation: all ids, those given included."""
    options: dict[str, Any] = {} if not suppressed_first else {"begin_suppress_tokens": suppressed_first}
    with torch.no_grad():
        generated = model.model.generate(
            **inputs, max_new_tokens=new_tokens, do_sample=False, num_beams=1, pad_token_id=padding(model), **options
        )
    return list(map(int, generated[0]))


def padding(model: InstrumentedModel) -> int | None:
    """What `generate` pads with."""
    chosen: int | None = model.tokenizer.pad_token_id
    end: int | None = model.tokenizer.eos_token_id
    return end if chosen is None else chosen


def prefix_tokens(model: InstrumentedModel, ids: list[int], start: int) -> tuple[Token, ...]:
    """Tokens of an output prefix; the first `start` of them open the output and are special."""
    from transformers import BatchEncoding

    text = model.tokenizer.decode(ids[start:], clean_up_tokenization_spaces=False)
    offsets, reached = [], 0
    for number in range(len(ids)):
        end = reached if number < start else len(model.tokenizer.decode(ids[start : number + 1], clean_up_tokenization_spaces=False))
        offsets.append((reached, end))
        reached = end
    encoded = BatchEncoding({"input_ids": ids, "offset_mapping": offsets, "special_tokens_mask": [int(n < start) for n in range(len(ids))]})
    return tokens_of(model.tokenizer, encoded, text, segment=Segment.OUTPUT)


def with_output(model: InstrumentedModel, encoding: Encoding, opening: list[int], output: tuple[int, ...]) -> Encoding:
    """Let the model read `opening` and then all of `output` but its last token, in the decoder or, without one, after the text."""
    read = [*opening, *output[:-1]]
    ids = torch.tensor([read], device=model.device, dtype=torch.long)
    described = prefix_tokens(model, read, len(opening)) if read else ()
    tokens = (*encoding.tokens, *described)
    inputs = dict(encoding.inputs)
    if architectures.is_encoder_decoder(model.model):
        inputs["decoder_input_ids"] = ids
        last = len(read) - 1
    else:
        inputs = {"input_ids": torch.cat([inputs["input_ids"], ids], dim=1)}
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        last = len(tokens) - 1
        model.check_length(len(tokens))
    return replace(encoding, tokens=tokens, inputs=inputs, output=output, position=last, position_text="output")


def at_step(encoding: Encoding, step: int) -> Encoding:
    """The encoding as it is read when output token `step` (0-based) is predicted."""
    hidden = len(encoding.output) - 1 - step
    if hidden == 0:
        return encoding
    name = "decoder_input_ids" if encoding.has_prefix else "input_ids"
    inputs = {**encoding.inputs, name: encoding.inputs[name][:, :-hidden]}
    if not encoding.has_prefix:
        inputs["attention_mask"] = encoding.inputs["attention_mask"][:, :-hidden]
    position = None if encoding.position is None else encoding.position - hidden
    return replace(
        encoding,
        tokens=encoding.tokens[:-hidden],
        inputs=inputs,
        position=position,
        output=encoding.output[: step + 1],
        position_text=f"output token {step + 1}",
    )
