"""Several scores in one batch: rows of one shape, each with the text, the target and the foil of its own score.

Texts share a batch only where the model's inputs have the same shape, so nothing is ever padded: a row's numbers are those of its text
alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from explain.models.instrumented import InstrumentedModel
from explain.models.interruption import checkpoint
from explain.models.memory import keeps_attention
from explain.models.reading import Reading, Shared, Under, in_unit
from explain.models.score import Answering, Score, embedded
from explain.models.trace import Trace, record
from explain.types import Encoding


def batches(model: InstrumentedModel, task: Answering, encodings: Sequence[Encoding], kinds: Sequence[Hashable] = ()) -> list[list[int]]:
    """The numbers of the texts that can be rows of one batch, short ones first; a batch holds a bounded number of tokens.

    A model that takes one text at a time gets each alone. Texts of different `kinds` never meet.
    """
    if task.one_by_one(model):
        return [[number] for number in range(len(encodings))]
    shapes: dict[Hashable, list[int]] = {}
    for number, encoding in enumerate(encodings):
        lengths = tuple((name, tensor.shape[1]) for name, tensor in encoding.inputs.items())
        shapes.setdefault((lengths, kinds[number] if kinds else None), []).append(number)
    found = []
    for numbers in sorted(shapes.values(), key=lambda numbers: len(encodings[numbers[0]].tokens)):
        rows = model.rows_per_batch(len(encodings[numbers[0]].tokens))
        found += [numbers[start : start + rows] for start in range(0, len(numbers), rows)]
    return found


def joined(encodings: Sequence[Encoding]) -> Encoding:
    """Texts of one shape as rows: inputs [B, n] and, for the embedding task, vectors [B, d]; all else is the first one's."""
    first = encodings[0]
    if len(encodings) == 1:
        return first
    inputs = {name: torch.cat([encoding.inputs[name] for encoding in encodings]) for name in first.inputs}
    vectors = [encoding.vector for encoding in encodings if encoding.vector is not None]
    return replace(first, inputs=inputs, vector=torch.stack(vectors) if vectors else None)


def positions_of(encodings: Sequence[Encoding]) -> Tensor | None:
    """The explained position of each row [B]."""
    found = [encoding.position for encoding in encodings if encoding.position is not None]
    return encodings[0].inputs["input_ids"].new_tensor(found) if found else None


@dataclass(frozen=True)
class Rows:
    """The rows of a batch, by the score of each; a score may have several rows. They are of one model, one task and one shape.

    All have one unit, and all or none a foil.
    """

    scores: tuple[Score, ...]

    @cached_property
    def encoding(self) -> Encoding:
        """All texts as one."""
        return joined([score.encoding for score in self.scores])

    @cached_property
    def positions(self) -> Tensor | None:
        """The explained position of each row [B]."""
        return positions_of([score.encoding for score in self.scores])

    def embeddings(self) -> Tensor:
        """The embeddings [B, tokens, d] of the texts."""
        return self.scores[0].model.embed(self.encoding.inputs)

    def of_logits(self, logits: Tensor) -> Tensor:
        """Score [B] of logits [B, C], each row's its own."""
        first = self.scores[0]
        values = in_unit(logits, first.unit, independent=first.task.independent(first.model))
        rows = torch.arange(len(values), device=values.device)
        found = values[rows, [score.target.index for score in self.scores]]
        if first.foil is None:
            return found
        return found - values[rows, [score.foil.index for score in self.scores if score.foil is not None]]

    def of_rows(self, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        """Score [B] of a batch of inputs [B, n], each explained at its own position [B]."""
        checkpoint()
        for score in self.scores:
            score.passes += 1
        return self.of_logits(self.scores[0].task.logits(self.scores[0].model, self.encoding, inputs, positions))

    def of_embeddings(self, embeddings: Tensor) -> Tensor:
        """Score [B] with the embeddings of all read tokens replaced by `embeddings` [B, tokens, d]; differentiable in them."""
        with embedded(self.scores[0].model, self.encoding, embeddings):
            return self.of_rows(dict(self.encoding.inputs), self.positions)


@dataclass(frozen=True)
class Plain:
    """The plain pass of the rows of a batch.

    Attributes:
        readings: What is known of each row.
        trace: What was recorded of all.
        graph: Embeddings [B, tokens, d] and the logits [B, C] that were computed from them.
        under: What the pass ran under.
        again: Makes the logits [B, C] once more.
    """

    readings: list[Reading]
    trace: Trace | None
    graph: tuple[Tensor, Tensor] | None
    under: Under | None
    again: Callable[[], Tensor]

    def share(self, scores: Mapping[int, Score], *, gradient: bool) -> None:
        """Let the rows with these scores know their gradient and the positions that are read, by one pass for all."""
        good = list(scores)
        rows = Rows(tuple(scores.values()))
        if self.graph is not None and good and gradient:
            embeddings, logits = self.graph
            with torch.enable_grad(), contextlib.nullcontext() if self.under is None else self.under.plain():
                found = torch.autograd.grad(rows.of_logits(logits[good]).sum(), embeddings, retain_graph=self.under is not None)[0]
            for number in good:
                self.readings[number].gradient = embeddings.detach()[number : number + 1], found[number : number + 1]
        if self.trace is not None and good and rows.positions is None:
            read = self.trace.read_positions(lambda: rows.of_logits(self.again()[good]))
            for number in good:
                self.readings[number].positions = read[number]


def plain_pass(
    model: InstrumentedModel,
    task: Answering,
    encoding: Encoding,
    positions: Tensor | None,
    *,
    recording: bool,
    differentiable: bool,
    under: Under | None = None,
) -> Plain:
    """The plain pass of the rows of an encoding, each explained at its own position [B].

    Args:
        model: The model.
        task: What decides the logits.
        encoding: The texts as it reads them.
        positions: The explained positions.
        recording: Record everything, if the model lets its attention be seen.
        differentiable: Keep the graph from the embeddings to the logits.
        under: What a method lets the pass run under; the graph is kept for it.
    """

    def forward() -> Tensor:
        return task.logits(model, encoding, dict(encoding.inputs), positions)

    trace = None
    differentiable = differentiable or under is not None
    with contextlib.ExitStack() as active:
        active.enter_context(torch.set_grad_enabled(differentiable))
        if differentiable:
            embeddings = model.embed(encoding.inputs).requires_grad_()
        if under is not None:
            active.enter_context(under.active(model.instruments))
        if differentiable:
            active.enter_context(embedded(model, encoding, embeddings))
        if recording and model.attention_groups:
            trace = record(model.instruments, forward, weights=keeps_attention(model, encoding))
        logits = forward() if trace is None else trace.logits
    known = logits.detach()
    traces: Sequence[Trace | None] = [None] * len(known)
    if trace is not None:
        trace = replace(trace, logits=known)
        traces = trace.rows()
    readings = [Reading(row, own) for row, own in zip(known.cpu() if len(known) > 1 else known, traces, strict=True)]
    if under is not None:
        for number, reading in enumerate(readings):
            reading.shared = Shared(under, embeddings, logits, number)
    return Plain(readings, trace, (embeddings, logits) if differentiable else None, under, forward)
