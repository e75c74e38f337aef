"""What a task decides: how a text is read, which logits answer it, and what a person may ask about them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

from explain.errors import InputError, TargetError, UnsupportedError
from explain.models import architectures
from explain.models.score import in_unit
from explain.tokens import tokens_of
from explain.types import Encoding, Prediction, Question, Target, Unit

if TYPE_CHECKING:
    from explain.models.explained_model import ExplainedModel

CANDIDATES = 10


class Task(ABC):
    """One way of asking a model.

    Class attributes:
        name: Its public name.
        title: What a person reads.
        auto_classes: The transformers Auto classes that load a model for it, best first.
        units: The units a score may have, the default first.
        sequence: Whether the answer is several tokens, explained one by one.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    auto_classes: ClassVar[tuple[str, ...]]
    units: ClassVar[tuple[Unit, ...]] = (Unit.LOGIT, Unit.LOG_PROBABILITY, Unit.PROBABILITY)
    sequence: ClassVar[bool] = False

    def check(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:  # noqa: B027
        """Raises UnsupportedError where this model cannot do this task."""

    @abstractmethod
    def encode(self, model: ExplainedModel, text: str, *, position: int | None, output: str | None) -> Encoding:
        """The text as the model reads it."""

    def needed(self, model: ExplainedModel, text: str) -> tuple[int, int]:
        """First and last character (after) of what must stay when a text is cut: its start, unless a task says otherwise."""
        return 0, 0

    @abstractmethod
    def logits(self, model: ExplainedModel, encoding: Encoding, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        """Logits [B, C] over the candidates at the explained position [B] of each row; the rows are variants of `encoding`."""

    @abstractmethod
    def target(self, model: ExplainedModel, encoding: Encoding, given: str | int) -> Target:
        """The candidate that a person means."""

    def predict(self, model: ExplainedModel, encoding: Encoding) -> Prediction:
        candidates = self.best(model, self.text_logits(model, encoding))
        return Prediction(self.name, candidates, candidates[0].text)

    def questions(
        self,
        model: ExplainedModel,
        encoding: Encoding,
        prediction: Prediction,
        *,
        target: str | int | None,
        foil: str | int | None,
        unit: Unit | None,
        step: int | None,
    ) -> tuple[Question, ...]:
        """What is explained: one question, or one for each output token of a sequence task.

        Raises:
            TargetError: The target or foil cannot be said, or they are the same.
            InputError: The unit or step does not exist here.
        """
        if step is not None:
            raise InputError(f"A step was given ({step}), but {self.title.lower()} has one answer. Leave it out.")
        wanted = model.target(encoding, prediction, target)
        against = None if foil is None else model.target(encoding, prediction, foil)
        return (Question(encoding, wanted, distinct(wanted, against), self.unit(unit)),)

    def unit(self, given: Unit | str | None) -> Unit:
        if given is None:
            return self.units[0]
        if given not in set(self.units):
            raise InputError(f"The unit {str(given)!r} is not known for {self.title.lower()}. Choose one of: {', '.join(self.units)}.")
        return Unit(given)

    def text_logits(self, model: ExplainedModel, encoding: Encoding) -> Tensor:
        """Logits [C] at the explained position of the text itself."""
        positions = None if encoding.position is None else torch.tensor([encoding.position], device=model.device)
        with torch.no_grad():
            return self.logits(model, encoding, dict(encoding.inputs), positions)[0]

    def best(self, model: ExplainedModel, logits: Tensor, count: int = CANDIDATES) -> tuple[Target, ...]:
        order = logits.topk(min(count, logits.shape[-1])).indices.tolist()
        return tuple(self.describe(model, logits, index) for index in order)

    def describe(self, model: ExplainedModel, logits: Tensor, index: int) -> Target:
        probabilities = in_unit(logits, Unit.PROBABILITY, independent=model.independent_labels)
        return Target(index, self.candidate_text(model, index), float(logits[index]), float(probabilities[index]))

    @abstractmethod
    def candidate_text(self, model: ExplainedModel, index: int) -> str:
        """What a person reads for a candidate."""


def at_least_single(tensor: Tensor) -> Tensor:
    """Half precision becomes float32; a float64 model keeps its precision."""
    return tensor if tensor.dtype is torch.float64 else tensor.float()


def distinct(target: Target, foil: Target | None) -> Target | None:
    """The foil, if it is another answer than the target."""
    if foil is not None and foil.index == target.index:
        raise TargetError(f"The target and the foil are both {target.text!r}: a contrast needs two different answers.")
    return foil


def tokenize(model: ExplainedModel, text: str) -> BatchEncoding:
    """Ids, offsets and special-token mask of a text that the model can read whole."""
    encoded: BatchEncoding = model.tokenizer(
        text, return_offsets_mapping=model.tokenizer.is_fast, return_special_tokens_mask=True, verbose=False
    )
    model.check_length(len(encoded["input_ids"]))
    if not encoded["input_ids"]:
        raise InputError(f"Nothing of {text!r} is left after tokenizing. Type a sentence to explain.")
    return encoded


def encode_input(model: ExplainedModel, text: str) -> Encoding:
    """The text with the tokenizer's special tokens, no position chosen yet."""
    encoded = tokenize(model, text)
    tensors: dict[str, Any] = {
        name: torch.tensor([encoded[name]], device=model.device)
        for name in ("input_ids", "attention_mask", "token_type_ids")
        if name in encoded and architectures.accepts(model.model, name)
    }
    return Encoding(text, tokens_of(model.tokenizer, encoded, text), tensors)


class VocabularyTask(Task):
    """A task whose candidates are the vocabulary; the head is applied to the explained position only."""

    def logits(self, model: ExplainedModel, encoding: Encoding, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        if positions is None:
            raise UnsupportedError(f"{self.title} needs a position to explain.")
        if architectures.accepts(model.model, "use_cache"):
            inputs = {**inputs, "use_cache": False}  # type: ignore[dict-item]
        with model.instruments.positions(positions):
            logits: Tensor = model.model(**inputs).logits[:, 0]
        return at_least_single(logits)

    def candidate_text(self, model: ExplainedModel, index: int) -> str:
        decoded = model.tokenizer.decode([index])
        return str(decoded) if decoded.strip() else str(model.tokenizer.convert_ids_to_tokens(index))

    def target(self, model: ExplainedModel, encoding: Encoding, given: str | int) -> Target:
        logits = self.text_logits(model, encoding)
        if isinstance(given, int):
            if not 0 <= given < logits.shape[-1]:
                raise TargetError(f"Vocabulary index {given} does not exist; {model.name} has 0 to {logits.shape[-1] - 1}.")
            return self.describe(model, logits, given)
        return self.describe(model, logits, max(vocabulary_indices(model, given), key=lambda index: float(logits[index])))


def vocabulary_indices(model: ExplainedModel, text: str) -> list[int]:
    """The vocabulary entries that read as `text`, with or without a space before it.

    Raises:
        TargetError: There is none: the word is unknown or split into several pieces.
    """
    tokenizer = model.tokenizer
    vocabulary = tokenizer.get_vocab()
    found = [vocabulary[text]] if text in vocabulary else []
    pieces: list[str] = []
    for spelling in (text, f" {text.strip()}"):
        ids = tokenizer(spelling, add_special_tokens=False)["input_ids"]
        if len(ids) == 1 and ids[0] != tokenizer.unk_token_id:
            found.append(ids[0])
        elif len(ids) > 1:
            pieces = pieces or [tokenizer.decode([i]).strip() for i in ids]
    if found:
        return list(dict.fromkeys(found))
    if not text.strip():
        raise TargetError("The target is empty. Leave it out to explain the model's own prediction.")
    if pieces:
        raise TargetError(
            f"{text!r} is not one token of {model.name}: it is split into {' + '.join(pieces)}. Choose a word that is one token."
        )
    raise TargetError(f"{text!r} is not in the vocabulary of {model.name}. Choose another word.")


def at(encoding: Encoding, position: int, text: str) -> Encoding:
    """The encoding with its explained position chosen."""
    return replace(encoding, position=position, position_text=text)
