"""What a task decides: how a text is read, which logits answer it, and what a person may ask about them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from explain.errors import ExplainError, InputError, TargetError
from explain.models import architectures
from explain.models.instrumented import InstrumentedModel
from explain.models.interruption import attempt
from explain.models.joint import joined, plain_pass, positions_of
from explain.models.reading import Reading, Under, in_unit
from explain.models.score import Score
from explain.tokens import tokens_of
from explain.types import Encoding, Prediction, Question, Target, Unit

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

CANDIDATES = 10
Answered = tuple[Prediction, tuple[Score, ...]]
FOIL = "rather than"
UNIT = "Unit of the score"


class Task(ABC):
    """One way of asking a model.

    Class attributes:
        name: Its public name.
        title: What a person reads.
        intro: What it explains, in a line.
        text_label: What the text is to be.
        asks: What may be asked besides the text, in order: fields of `Question` and what a person reads for each. Forms, endpoints,
            snippets and the command line are made from it.
        auto_classes: The transformers Auto classes that load a model for it, best first.
        heads: The heads that answer it, by the name of the task that they were made for; its own first.
        units: The units a score may have, the default first.
        sequence: Whether the answer is several tokens, explained one by one.
        chats: Whether it reads the messages of a chat too.

    Attributes:
        labels: Label words that were given; only text-to-text classification takes them.
        prefix: What the model is to see before the text; only text-to-text classification takes it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    intro: ClassVar[str]
    text_label: ClassVar[str] = "Text"
    asks: ClassVar[Mapping[str, str]] = {"target": "Target", "foil": FOIL, "unit": UNIT}
    auto_classes: ClassVar[tuple[str, ...]]
    heads: ClassVar[tuple[str, ...]]
    units: ClassVar[tuple[Unit, ...]] = (Unit.LOGIT, Unit.LOG_PROBABILITY, Unit.PROBABILITY)
    sequence: ClassVar[bool] = False
    chats: ClassVar[bool] = False
    labels: tuple[str, ...] = ()
    prefix: str | None = None

    @classmethod
    def make(cls, own: str, *, labels: Sequence[str] = (), prefix: str | None = None) -> Task:
        """The task for a model whose head was made for the task `own`."""
        return cls()

    @classmethod
    def auto_class(cls, heads: Sequence[str]) -> str:
        """The transformers Auto class that loads a checkpoint with these heads for this task."""
        return cls.auto_classes[0]

    def check(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:  # noqa: B027
        """Raises UnsupportedError where this model cannot do this task."""

    @abstractmethod
    def encode(self, model: InstrumentedModel, question: Question) -> Encoding:
        """The text as the model reads it."""

    def needed(self, model: InstrumentedModel, text: str) -> tuple[int, int]:
        """First and last character (after) of what must stay when a text is cut: its start, unless a task says otherwise."""
        return 0, 0

    @abstractmethod
    def logits(self, model: InstrumentedModel, encoding: Encoding, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        """Logits [B, C] over the candidates at the explained position [B] of each row; the rows are variants of `encoding`."""

    @abstractmethod
    def target(self, model: InstrumentedModel, logits: Tensor, given: str | int) -> Target:
        """The candidate that a person means, with what the text's logits [C] say of it.

        Raises:
            TargetError: The model cannot say it.
        """

    @abstractmethod
    def candidate_text(self, model: InstrumentedModel, index: int) -> str:
        """What a person reads for a candidate."""

    def independent(self, model: InstrumentedModel) -> bool:
        """Whether each candidate has a probability of its own (sigmoid) instead of a share of one."""
        return False

    def one_by_one(self, model: InstrumentedModel) -> bool:
        """Whether the model takes one text at a time."""
        return False

    def answer(
        self,
        model: InstrumentedModel,
        encoding: Encoding,
        question: Question,
        *,
        recording: bool = False,
        differentiable: bool = False,
        under: Under | None = None,
    ) -> Answered:
        """What the model says, and the scores that explain it: one, or one for each output token of a sequence task.

        The plain pass of a task with one answer is recorded, keeps its graph, and runs under what a method wants of it.

        Raises:
            TargetError: The target or foil cannot be said, or they are the same.
            InputError: The unit or step does not exist here.
        """
        how: dict[str, Any] = {"recording": recording, "differentiable": differentiable, "under": under}
        plain = plain_pass(model, self, encoding, encoding.batch()[1], **how)
        (reading,) = plain.readings
        if under is None:
            reading.graph = plain.graph
        answered = self._answered(model, encoding, question, reading)
        if under is not None:
            plain.share({0: answered[1][0]}, gradient=differentiable)
        return answered

    def answer_many(
        self,
        model: InstrumentedModel,
        encodings: Sequence[Encoding],
        questions: Sequence[Question],
        *,
        recording: bool = False,
        differentiable: bool = False,
        under: Under | None = None,
    ) -> list[Answered | ExplainError]:
        """`answer` for texts that can be rows of one batch (`batches`), in one pass (under what a method wants) if the task has one answer.

        What cannot be answered stands in its place as the error that says why.
        """
        how: dict[str, Any] = {"recording": recording, "differentiable": differentiable, "under": under}
        if type(self).answer is not Task.answer or len(encodings) == 1:
            answer = partial(self.answer, model, **how)
            return [attempt(partial(answer, *pair)) for pair in zip(encodings, questions, strict=True)]
        together = joined(encodings)
        plain = plain_pass(model, self, together, positions_of(encodings), **how)
        asked = zip(encodings, questions, plain.readings, strict=True)
        found = [attempt(partial(self._answered, model, *each)) for each in asked]
        scores = {number: answered[1][0] for number, answered in enumerate(found) if not isinstance(answered, ExplainError)}
        plain.share(scores, gradient=differentiable)
        return found

    def _answered(self, model: InstrumentedModel, encoding: Encoding, question: Question, reading: Reading) -> Answered:
        if question.step is not None:
            raise InputError(f"A step was given ({question.step}), but {self.title.lower()} has one answer. Leave it out.")
        unit = self.unit(question.unit)
        logits: Any = reading.logits
        prediction = self.prediction(model, encoding, logits)
        target = prediction.candidates[0] if question.target is None else self.target(model, logits, question.target)
        foil = None if question.foil is None else distinct(target, self.target(model, logits, question.foil))
        return prediction, (Score(model, self, encoding, target, foil, unit, reading),)

    def prediction(self, model: InstrumentedModel, encoding: Encoding, logits: Tensor) -> Prediction:
        """What the model says, from the logits [C] of the text."""
        candidates = self.best(model, logits)
        return Prediction(self.name, candidates, candidates[0].text)

    def unit(self, given: Unit | str | None) -> Unit:
        """The unit that is asked for; the default if none is.

        Raises:
            InputError: It does not exist here.
        """
        if given is None:
            return self.units[0]
        if given not in set(self.units):
            raise InputError(f"The unit {str(given)!r} is not known for {self.title.lower()}. Choose one of: {', '.join(self.units)}.")
        return Unit(given)

    def best(self, model: InstrumentedModel, logits: Tensor, count: int = CANDIDATES) -> tuple[Target, ...]:
        """The most probable candidates."""
        values, order = logits.topk(min(count, logits.shape[-1]))
        probabilities = in_unit(logits, Unit.PROBABILITY, independent=self.independent(model))[order]
        found = zip(order.tolist(), values.tolist(), probabilities.tolist(), strict=True)
        return tuple(Target(index, self.candidate_text(model, index), logit, probability) for index, logit, probability in found)

    def describe(self, model: InstrumentedModel, logits: Tensor, index: int) -> Target:
        """A candidate with its logit and probability."""
        probabilities = in_unit(logits, Unit.PROBABILITY, independent=self.independent(model))
        return Target(index, self.candidate_text(model, index), float(logits[index]), float(probabilities[index]))


def at_least_single(tensor: Tensor) -> Tensor:
    """Half precision becomes float32; a float64 model keeps its precision."""
    return tensor if tensor.dtype is torch.float64 else tensor.float()


def distinct(target: Target, foil: Target) -> Target:
    """The foil, if it is another answer than the target."""
    if foil.index == target.index:
        raise TargetError(f"The target and the foil are both {target.text!r}: a contrast needs two different answers.")
    return foil


def tokenize(model: InstrumentedModel, text: str) -> BatchEncoding:
    """Ids, offsets and special-token mask of a text that the model can read whole."""
    encoded: BatchEncoding = model.tokenizer(
        text, return_offsets_mapping=model.tokenizer.is_fast, return_special_tokens_mask=True, verbose=False
    )
    model.check_length(len(encoded["input_ids"]))
    if not encoded["input_ids"]:
        raise InputError(f"Nothing of {text!r} is left after tokenizing. Type a sentence to explain.")
    return encoded


def encode_input(model: InstrumentedModel, text: str) -> Encoding:
    """The text with the tokenizer's special tokens, no position chosen yet."""
    encoded = tokenize(model, text)
    tensors: dict[str, Any] = {
        name: torch.tensor([encoded[name]], device=model.device)
        for name in ("input_ids", "attention_mask", "token_type_ids")
        if name in encoded and architectures.accepts(model.model, name)
    }
    return Encoding(text, tokens_of(model.tokenizer, encoded, text), tensors)


def at(encoding: Encoding, position: int, text: str) -> Encoding:
    """The encoding with its explained position chosen."""
    return replace(encoding, position=position, position_text=text)
