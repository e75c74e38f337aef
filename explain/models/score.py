"""The one scalar that everything explains."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Protocol, Self

import numpy as np
import torch
from torch import Tensor

from explain.models import memory
from explain.models.checkpointing import WAY, checkpointed
from explain.models.instrumented import InstrumentedModel
from explain.models.interruption import checkpoint
from explain.models.reading import Answers, Reading, Shared, in_unit
from explain.models.trace import Trace, record
from explain.types import Encoding, Target, Unit


class Answering(Protocol):
    """What a score needs of the task that asks."""

    def logits(self, model: InstrumentedModel, encoding: Encoding, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        """Logits [B, C] over the candidates."""

    def independent(self, model: InstrumentedModel) -> bool:
        """Whether each candidate has a probability of its own."""

    def one_by_one(self, model: InstrumentedModel) -> bool:
        """Whether the model takes one text at a time."""

    def candidate_text(self, model: InstrumentedModel, index: int) -> str:
        """What a person reads for a candidate."""


class Score:
    """The explained scalar as a function of the model's input: the target in the asked unit, minus the foil.

    Args:
        model: The model that is asked.
        task: What decides the logits.
        encoding: The text as the model reads it, with the explained position.
        target: What is explained.
        foil: What it is contrasted with.
        unit: The unit of the score.
        reading: What is known of the text's plain pass.

    Attributes:
        task: What decides the logits.
        passes: Rows sent forward so far; reading the shared trace counts as one.
    """

    def __init__(
        self,
        model: InstrumentedModel,
        task: Answering,
        encoding: Encoding,
        target: Target,
        foil: Target | None,
        unit: Unit,
        reading: Reading | None = None,
    ) -> None:
        self.model = model
        self.encoding = encoding
        self.target = target
        self.foil = foil
        self.unit = unit
        self.passes = 0
        self.task = task
        self._reading = reading or Reading()
        self._read = False

    def recounted(self) -> Self:
        """The same score, sharing what is known of the text, with its own count of passes."""
        other = copy.copy(self)
        other.passes, other._read = 0, False
        return other

    def anew(self, model: InstrumentedModel | None = None) -> Self:
        """The same question to a model that answers differently now (or to another model): nothing that was computed is taken along."""
        other = self.recounted()
        other._reading = Reading()
        other.model = model or self.model
        return other

    def logits_of_rows(self, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        """Logits [B, C] of a batch of inputs [B, n], each explained at its own position [B]."""
        checkpoint()
        self.passes += int(inputs["input_ids"].shape[0])
        return self.task.logits(self.model, self.encoding, inputs, positions)

    def in_unit(self, logits: Tensor, unit: Unit) -> Tensor:
        """The target [B] of logits [B, C] in a unit, without the foil."""
        return in_unit(logits, unit, independent=self.task.independent(self.model))[:, self.target.index]

    def of_logits(self, logits: Tensor) -> Tensor:
        """Score [B] of logits [B, C]."""
        values = in_unit(logits, self.unit, independent=self.task.independent(self.model))
        score = values[:, self.target.index]
        return score if self.foil is None else score - values[:, self.foil.index]

    def of_rows(self, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        """Score [B] of a batch of inputs [B, n], each explained at its own position [B]."""
        return self.of_logits(self.logits_of_rows(inputs, positions))

    def of_embeddings(self, embeddings: Tensor) -> Tensor:
        """Score [B] with the embeddings of all read tokens replaced by `embeddings` [B, tokens, d]; differentiable in them."""
        if len(embeddings) > 1 and self.task.one_by_one(self.model):
            return torch.cat([self.of_embeddings(row[None]) for row in embeddings])
        with embedded(self.model, self.encoding, embeddings):
            return self.of_rows(*self.encoding.batch(embeddings.shape[0]))

    def gradient(self) -> tuple[Tensor, Tensor]:
        """The embeddings of the text and the gradient of the score there, both [1, tokens, d]; taken once for all who need it."""
        reading = self._reading
        if reading.gradient is None:
            graph, reading.graph = reading.graph, None  # it can be walked once
            with torch.enable_grad():
                if graph is None:
                    embeddings = self.embeddings().requires_grad_()
                    score = self.of_embeddings(embeddings)
                else:
                    embeddings, logits = graph
                    score = self.of_logits(logits)
                reading.gradient = embeddings.detach(), torch.autograd.grad(score.sum(), embeddings)[0]
        self.passes = max(self.passes, 1)
        return reading.gradient

    def answers(self, rows: int = 1) -> Answers:
        """What the model says in a pass of `rows` copies of the text, under the contexts that are active."""
        with torch.no_grad():
            return self.answers_of(self.logits_of_rows(*self.encoding.batch(rows)))

    def answers_of(self, logits: Tensor) -> Answers:
        """The same of logits [B, C] that are known."""
        known = np.asarray(self.in_unit(logits, Unit.PROBABILITY).double().cpu())
        if self.target.probability is None:
            known = np.full_like(known, np.nan)
        return Answers(np.asarray(self.of_logits(logits).double().cpu()), known, np.asarray(logits.argmax(-1).cpu()))

    def embeddings(self) -> Tensor:
        """The embeddings [1, tokens, d] of the text itself."""
        return self.model.embed(self.encoding.inputs)

    def value(self) -> float:
        """The score of the text itself; no pass where its logits are known."""
        reading = self._reading
        if reading.logits is None and reading.trace is not None:
            reading.logits = reading.trace.logits[0]
        if reading.logits is None:
            with torch.no_grad():
                reading.logits = self.logits_of_rows(*self.encoding.batch())[0]
        return float(self.of_logits(reading.logits[None]))

    @property
    def trace(self) -> Trace:
        """Everything recorded in the plain pass of the text, made once for all who read it."""
        reading = self._reading
        if reading.trace is None:
            checkpoint()
            with torch.no_grad():
                reading.trace = record(
                    self.model.instruments,
                    lambda: self.task.logits(self.model, self.encoding, *self.encoding.batch()),
                    weights=memory.keeps_attention(self.model, self.encoding),
                )
        self.passes += not self._read
        self._read = True
        return reading.trace

    @property
    def shared(self) -> Shared | None:
        """The pass of the batch that the text was a row of, if it was made under what a method wanted."""
        return self._reading.shared

    def forget_shared(self) -> None:
        """Let go of that pass once its graph was walked."""
        self._reading.shared = None

    def read_positions(self) -> tuple[int, ...]:
        """The positions whose last hidden state decides the score.

        Where the head chooses by itself ([CLS], the last token, all of them) they are those with a gradient at the output of the last
        attention call, after which nothing mixes positions.
        """
        if self.encoding.position is not None:
            return tuple(range(self.encoding.position + 1 - self.encoding.steps, self.encoding.position + 1))
        if self._reading.positions is None:
            (self._reading.positions,) = self.trace.read_positions(
                lambda: self.of_logits(self.task.logits(self.model, self.encoding, *self.encoding.batch()))
            )
        return self._reading.positions

    def candidate_text(self, index: int) -> str:
        """What a person reads for a candidate."""
        return self.task.candidate_text(self.model, index)

    def rows_per_batch(self) -> int:
        """How many copies of the text go through the model at once."""
        return self.model.rows_per_batch(len(self.encoding.tokens))


@contextlib.contextmanager
def embedded(model: InstrumentedModel, encoding: Encoding, embeddings: Tensor) -> Iterator[None]:
    """Within, the embeddings of all read tokens are `embeddings` [B, tokens, d]; the graph of long texts is computed again in parts."""
    length = encoding.input_length
    given, prefix = embeddings[:, :length], embeddings[:, length:]

    def of_prefix(original: Tensor) -> Tensor:
        if encoding.mirrored:
            return torch.cat([original[:, :1], given[:, :-1].to(original)], dim=1)
        return prefix.to(original) if encoding.has_prefix else original

    def of_input(original: Tensor) -> Tensor:
        # A model that pads its input to a window embeds more than it was given, or the padding by itself.
        if original.shape[1] < length:
            return original
        return torch.cat([given.to(original), original[:, length:]], dim=1)

    large = torch.is_grad_enabled() and embeddings.requires_grad
    large = large and not memory.keeps_graph(model, *embeddings.shape[:2], written_out=WAY.get().written_out)
    with model.instruments.embeddings(of_input, of_prefix), checkpointed() if large else contextlib.nullcontext():
        yield


def margin(target: Target, foil: Target | None) -> str:
    """How a person says what is explained."""
    name = target.text.strip() or target.text
    return name if foil is None else f"{name} rather than {foil.text.strip() or foil.text}"
