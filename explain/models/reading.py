"""What is read off a pass: units of logits, answers of rows, and what is known of a text's plain pass."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from explain.models.instrumentation import Instruments
from explain.models.trace import Trace
from explain.types import Array, Unit


def in_unit(logits: Tensor, unit: Unit, *, independent: bool = False) -> Tensor:
    """Logits [..., C] as logits, log-probabilities or probabilities; `independent` labels have a sigmoid each, not one softmax.

    Logits that were made of log-probabilities know them: there and back again would be two detours for relevance.
    """
    if unit is Unit.LOGIT:
        return logits
    if unit is Unit.LOG_PROBABILITY:
        known: Tensor | None = getattr(logits, "log_probabilities", None)
        if known is not None:
            return known
        return torch.nn.functional.logsigmoid(logits) if independent else logits.log_softmax(-1)
    return logits.sigmoid() if independent else logits.softmax(-1)


@dataclass(frozen=True)
class Answers:
    """What a model answers in a pass of several rows, [B] each.

    Attributes:
        scores: The explained score.
        probabilities: Of the target; NaN where the model gives none.
        candidates: Index of the most probable candidate.
    """

    scores: Array
    probabilities: Array
    candidates: npt.NDArray[np.int64]

    @classmethod
    def joined(cls, parts: Sequence[Answers], join: Callable[[Sequence[Any]], Any]) -> Answers:
        """Several answers as one, by `np.concatenate` or `np.stack`."""
        columns = [(part.scores, part.probabilities, part.candidates) for part in parts]
        return cls(*(join(column) for column in zip(*columns, strict=True)))


class Under(Protocol):
    """What a method lets the plain pass of a batch run under, so that it need not make a pass of its own; no number of it changes."""

    def active(self, instruments: Instruments) -> contextlib.AbstractContextManager[None]:
        """Within, the pass runs under it."""

    def plain(self) -> contextlib.AbstractContextManager[None]:
        """Within, the backward pass gives the plain gradient."""


@dataclass(frozen=True)
class Shared:
    """A pass of a batch that was made under what a method wanted.

    Attributes:
        under: What it ran under.
        embeddings: What it began with [B, tokens, d].
        logits: What it gave [B, C], with the graph in between.
        row: Which row of it is this text's.
    """

    under: Under
    embeddings: Tensor
    logits: Tensor
    row: int


@dataclass
class Reading:
    """What is known of the plain pass of a text, shared by all who explain it and freed with the last of them.

    Attributes:
        logits: Over the candidates [C].
        trace: Everything that was recorded in it, once somebody needed that.
        positions: The positions whose last state decides the score, once known.
        graph: Embeddings [1, n, d] and the logits [1, C] that were computed from them with a graph, until the gradient is taken.
        gradient: The embeddings and the gradient of the score there, both [1, n, d], once known.
        shared: The pass of the batch that the text was a row of, if it was made under what a method wanted.
    """

    logits: Tensor | None = None
    trace: Trace | None = None
    positions: tuple[int, ...] | None = None
    graph: tuple[Tensor, Tensor] | None = None
    gradient: tuple[Tensor, Tensor] | None = None
    shared: Shared | None = None
