"""Tasks whose answers are entries of the vocabulary."""

from __future__ import annotations

from torch import Tensor

from explain.errors import TargetError, UnsupportedError
from explain.models import architectures
from explain.models.instrumented import InstrumentedModel
from explain.models.tasks.task import Task, at_least_single
from explain.types import Encoding, Target


class VocabularyTask(Task):
    """A task whose candidates are the vocabulary; the head is applied to the explained position only."""

    def logits(self, model: InstrumentedModel, encoding: Encoding, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        if positions is None:
            raise UnsupportedError(f"{self.title} needs a position to explain.")
        return self.logits_at(model, inputs, positions[:, None])[:, 0]

    def logits_at(self, model: InstrumentedModel, inputs: dict[str, Tensor], positions: Tensor) -> Tensor:
        """Logits [B, P, C] at several positions [B, P] of each row."""
        if architectures.accepts(model.model, "use_cache"):
            inputs = {**inputs, "use_cache": False}  # type: ignore[dict-item]
        with model.instruments.positions(positions):
            logits: Tensor = model.model(**inputs).logits
        return at_least_single(logits)

    def candidate_text(self, model: InstrumentedModel, index: int) -> str:
        decoded = model.tokenizer.decode([index])
        return str(decoded) if decoded.strip() else str(model.tokenizer.convert_ids_to_tokens(index))

    def target(self, model: InstrumentedModel, logits: Tensor, given: str | int) -> Target:
        if isinstance(given, int):
            if not 0 <= given < logits.shape[-1]:
                raise TargetError(f"Vocabulary index {given} does not exist; {model.name} has 0 to {logits.shape[-1] - 1}.")
            return self.describe(model, logits, given)
        return self.describe(model, logits, max(vocabulary_indices(model, given), key=lambda index: float(logits[index])))


def vocabulary_indices(model: InstrumentedModel, text: str) -> list[int]:
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
