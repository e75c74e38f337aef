"""The one scalar that everything explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from explain.models.interruption import checkpoint
from explain.types import Question, Target, Unit

if TYPE_CHECKING:
    from explain.models.explained_model import ExplainedModel


def in_unit(logits: Tensor, unit: Unit, *, independent: bool = False) -> Tensor:
    """Logits [B, C] as logits, log-probabilities or probabilities; `independent` labels have a sigmoid each, not one softmax."""
    if unit is Unit.LOGIT:
        return logits
    if unit is Unit.LOG_PROBABILITY:
        return torch.nn.functional.logsigmoid(logits) if independent else logits.log_softmax(-1)
    return logits.sigmoid() if independent else logits.softmax(-1)


class Score:
    """The explained scalar as a function of the model's input: the target in the asked unit, minus the foil.

    Attributes:
        passes: Rows sent forward so far.
    """

    def __init__(self, model: ExplainedModel, question: Question) -> None:
        self._model = model
        self._question = question
        self.passes = 0

    def of_rows(self, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        """Score [B] of a batch of inputs [B, n], each explained at its own position [B]."""
        checkpoint()
        self.passes += int(inputs["input_ids"].shape[0])
        question = self._question
        logits = self._model.task.logits(self._model, question.encoding, inputs, positions)
        values = in_unit(logits, question.unit, independent=self._model.independent_labels)
        score = values[:, question.target.index]
        return score if question.foil is None else score - values[:, question.foil.index]

    def of_embeddings(self, embeddings: Tensor) -> Tensor:
        """Score [B] with the embeddings of all read tokens replaced by `embeddings` [B, tokens, d]; differentiable in them."""
        encoding = self._question.encoding
        rows, length = embeddings.shape[0], encoding.input_length
        given, prefix = embeddings[:, :length], embeddings[:, length:]

        def of_prefix(original: Tensor) -> Tensor:
            if encoding.mirrored:
                return torch.cat([original[:, :1], given[:, :-1].to(original)], dim=1)
            return prefix.to(original) if encoding.has_prefix else original

        inputs = {name: tensor.expand(rows, -1) for name, tensor in encoding.inputs.items()}
        positions = None if encoding.position is None else torch.full((rows,), encoding.position, device=self._model.device)
        with self._model.instruments.embeddings(lambda original: given.to(original), of_prefix):
            return self.of_rows(inputs, positions)

    def embeddings(self) -> Tensor:
        """The embeddings [1, tokens, d] of the text itself."""
        return self._model.embed(self._question.encoding.inputs)

    def value(self) -> float:
        """The score of the text itself."""
        encoding = self._question.encoding
        positions = None if encoding.position is None else torch.tensor([encoding.position], device=self._model.device)
        with torch.no_grad():
            return float(self.of_rows(dict(encoding.inputs), positions))


def margin(target: Target, foil: Target | None) -> str:
    """How a person says what is explained."""
    name = target.text.strip() or target.text
    return name if foil is None else f"{name} rather than {foil.text.strip() or foil.text}"
