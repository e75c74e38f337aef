"""A passage of an output as one score: all of its tokens are read in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from explain.errors import InputError
from explain.models.instrumented import InstrumentedModel
from explain.models.score import Score
from explain.types import Encoding, Segment, Target, Unit

PASSAGE = -1
"""The index of a passage among the candidates: it is the only one."""
SMALLEST = -1e-12
"""The largest log-probability of a passage that still has log-odds."""


class _Reading(Protocol):
    def logits_at(self, model: InstrumentedModel, inputs: dict[str, Tensor], positions: Tensor) -> Tensor:
        """Logits [B, P, C] at several positions [B, P] of each row."""


@dataclass(frozen=True)
class Passage:
    """The task of saying a passage after what is before it, token by token.

    The one candidate is the passage itself. Its logit is the sum of its tokens' logits where these are explained, else the log-odds of its
    probability, so that its log-probability is the sum of its tokens' log-probabilities.

    Attributes:
        task: What reads the logits.
        ids: The tokens.
        text: What a person reads.
        unit: The unit of the score.
    """

    task: _Reading
    ids: tuple[int, ...]
    text: str
    unit: Unit

    def logits(self, model: InstrumentedModel, encoding: Encoding, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        """The passage's logit [B, 1]; `positions` are where its last tokens are predicted."""
        if positions is None:
            raise ValueError("This encoding has no output.")
        return summed(self.of_tokens(model, inputs, positions).sum(1, keepdim=True), self.unit)

    def of_tokens(self, model: InstrumentedModel, inputs: dict[str, Tensor], positions: Tensor) -> Tensor:
        """The logit or log-probability of each token [B, P], the last of which is predicted at `positions` [B]."""
        back = torch.arange(len(self.ids) - 1, -1, -1, device=positions.device)
        logits = self.task.logits_at(model, inputs, positions[:, None] - back)  # [B, P, C]
        ids = torch.tensor(self.ids, device=logits.device).expand(len(logits), -1)[..., None]
        return (logits if self.unit is Unit.LOGIT else logits.log_softmax(-1)).gather(-1, ids)[..., 0].double()

    def independent(self, model: InstrumentedModel) -> bool:
        """The passage has a probability of its own."""
        return True

    def one_by_one(self, model: InstrumentedModel) -> bool:
        """The model takes several texts at a time."""
        return False

    def candidate_text(self, model: InstrumentedModel, index: int) -> str:
        """The passage."""
        return self.text


def summed(values: Tensor, unit: Unit) -> Tensor:
    """Sums of tokens' logits or log-probabilities as logits of whole passages: log-odds of what is a log-probability."""
    if unit is Unit.LOGIT:
        return values
    said = values.clamp(max=SMALLEST)
    found = said - torch.log(-torch.expm1(said))
    found.log_probabilities = values  # type: ignore[attr-defined]  # so that `in_unit` need not go back
    return found


def passage_score(model: InstrumentedModel, task: _Reading, encoding: Encoding, steps: Sequence[Target], unit: Unit) -> Score:
    """The score of the last output tokens of an encoding; what of the output is read before them is never taken away."""
    ids = tuple(step.index for step in steps)
    text = str(model.tokenizer.decode(list(ids))).strip()
    tokens = tuple(replace(token, special=token.special or token.segment is Segment.OUTPUT) for token in encoding.tokens)
    encoding = replace(encoding, tokens=tokens, steps=len(ids), position_text="passage" if len(ids) > 1 else encoding.position_text)
    passage = Passage(task, ids, text, unit)
    with torch.no_grad():
        logit = passage.logits(model, encoding, *encoding.batch())[0, 0]
    target = Target(PASSAGE, text, float(logit), None if unit is Unit.LOGIT else float(logit.sigmoid()))
    return Score(model, passage, encoding, target, None, unit)


def passage_steps(model: InstrumentedModel, output: Sequence[int], span: str | tuple[int, int] | None) -> tuple[int, int]:
    """The first output token of a passage and the one after its last; every token that shares a character with it.

    Args:
        model: Whose tokenizer reads the output.
        output: The output's vocabulary indices.
        span: The passage's words, which count where they occur first, or its characters; `None` for the whole output.

    Raises:
        InputError: The output has no such passage.
    """
    if span is None:
        return 0, len(output)
    ends = [len(model.tokenizer.decode(list(output[: number + 1]))) for number in range(len(output))]
    text = str(model.tokenizer.decode(list(output)))
    blank = len(text) - len(text.lstrip())
    said = text.strip()
    if isinstance(span, str):
        start = said.find(span.strip())
        if start < 0 or not span.strip():
            raise InputError(f"The output has no passage {span!r}. It is: {said!r}.")
        start, end = start, start + len(span.strip())
    else:
        start, end = span
        if not 0 <= start < end <= len(said):
            raise InputError(f"The passage {start} to {end} lies outside the output, which has {len(said)} characters: {said!r}.")
    touched = [number for number, last in enumerate(ends) if last > start + blank and (ends[number - 1] if number else 0) < end + blank]
    return touched[0], touched[-1] + 1
