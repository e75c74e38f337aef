"""What a model answers in passes of many rows of one text: the explained score, the target's probability, the best candidate."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from explain.models.architectures import AttentionSite
from explain.models.explained_model import ExplainedModel
from explain.models.instrumentation import AttentionRecorder
from explain.models.interruption import checkpoint
from explain.models.passes import Recording, Resumed
from explain.models.score import in_unit
from explain.types import Array, Encoding, Question, Unit


@dataclass(frozen=True)
class Answers:
    """One answer per row, [B] each.

    Attributes:
        scores: The explained score.
        probabilities: Of the target; NaN where the model gives none.
        candidates: Index of the most probable candidate.
    """

    scores: Array
    probabilities: Array
    candidates: npt.NDArray[np.int64]


class Outputs(AttentionRecorder):
    """Keeps attention weights [B, heads, q, k] and the heads' outputs [B, q, heads, d] of the first call of every site."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: dict[AttentionSite, torch.Tensor] = {}

    def output(self, site: AttentionSite, output: torch.Tensor) -> torch.Tensor:
        self.outputs.setdefault(site, output)
        return output


@dataclass(frozen=True)
class BaseRun:
    """One plain pass of a text and all that later passes need of it.

    Attributes:
        answer: Of one row.
        layers: Hidden states of every layer.
        weights: Attention probabilities by site.
        outputs: Outputs of the heads by site.
    """

    answer: Answers
    layers: Recording
    weights: dict[AttentionSite, torch.Tensor]
    outputs: dict[AttentionSite, torch.Tensor]

    @property
    def sites(self) -> dict[str, list[AttentionSite]]:
        """The sites that ran, by group and in order of layers."""
        found: dict[str, list[AttentionSite]] = {}
        for site in sorted(self.weights, key=lambda site: site.layer):
            found.setdefault(site.group, []).append(site)
        return found


def logits_of_rows(model: ExplainedModel, question: Question, rows: int) -> torch.Tensor:
    """Logits [rows, C] over the candidates in a pass of `rows` copies of the text."""
    checkpoint()
    encoding = question.encoding
    inputs = {name: tensor.expand(rows, -1) for name, tensor in encoding.inputs.items()}
    positions = None if encoding.position is None else torch.full((rows,), encoding.position, device=model.device)
    with torch.no_grad():
        return model.task.logits(model, encoding, inputs, positions)


def answers(model: ExplainedModel, question: Question, rows: int) -> Answers:
    """What the model says in a pass of `rows` copies of the text, under the contexts that are active."""
    logits = logits_of_rows(model, question, rows)
    with torch.no_grad():
        values = in_unit(logits, question.unit, independent=model.independent_labels)
        scores = values[:, question.target.index]
        if question.foil is not None:
            scores = scores - values[:, question.foil.index]
        probabilities = in_unit(logits, Unit.PROBABILITY, independent=model.independent_labels)[:, question.target.index]
    known = np.asarray(probabilities.double().cpu())
    if question.target.probability is None:
        known = np.full_like(known, np.nan)
    return Answers(np.asarray(scores.double().cpu()), known, np.asarray(logits.argmax(-1).cpu()))


def base_run(model: ExplainedModel, question: Question) -> BaseRun:
    """The text's plain answer, recorded in one pass of one row."""
    layers, probe = Recording(), Outputs()
    with model.instruments.layers(layers), model.instruments.attention(probe):
        answer = answers(model, question, 1)
    return BaseRun(answer, layers, probe.recorded, probe.outputs)


def head_outputs(model: ExplainedModel, text: str) -> dict[AttentionSite, torch.Tensor]:
    """Outputs [1, q, heads, d] of every head on another text."""
    probe = Outputs()
    with torch.no_grad(), model.instruments.attention(probe):
        model.task.text_logits(model, model.encode(text))
    return probe.outputs


def resumed(
    model: ExplainedModel, base: BaseRun, stack: str, layer: int, rows: int, state: Callable[[int], torch.Tensor] | None = None
) -> contextlib.AbstractContextManager[None]:
    """Within, a pass begins after this layer (-1: before the first); at the bottom where the model shares its layers."""
    blocks = model.instruments.architecture.blocks
    if stack not in blocks:
        return contextlib.nullcontext()
    return model.instruments.layers(Resumed(blocks, base.layers, stack, layer, rows, state))


def stack_of(site: AttentionSite) -> str:
    """The stack of layers that a site belongs to."""
    return "decoder" if site.group == "cross" else site.group


def rows_of(model: ExplainedModel, encoding: Encoding) -> int:
    """How many copies of the text go through the model at once."""
    return model.rows_per_batch(len(encoding.tokens))


def joined(parts: Sequence[Answers], join: Callable[[Sequence[Any]], Any]) -> Answers:
    """Several answers as one, by `np.concatenate` or `np.stack`."""
    columns = [(part.scores, part.probabilities, part.candidates) for part in parts]
    return Answers(*(join(column) for column in zip(*columns, strict=True)))
