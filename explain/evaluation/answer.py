"""An answer sentence by sentence: one score for each, and one for when only the prompt changes, which asks the model once for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from explain.errors import UnsupportedError
from explain.models.instrumented import InstrumentedModel
from explain.models.score import Score
from explain.models.tasks.passage import Passage, passage_score, summed
from explain.models.tasks.sequence import at_step
from explain.segments import Granularity, groups_of
from explain.types import Encoding, Target, Token


@dataclass(frozen=True)
class Sentence:
    """A sentence of an answer.

    Attributes:
        text: It.
        tokens: How many tokens it has.
        score: What explains it.
        perturbed: The same number for changed prompts: the sentences share what the model says to each. Nothing that changes the model
            itself, or its embeddings, may be active when this is asked.
    """

    text: str
    tokens: int
    score: Score
    perturbed: Score


@dataclass
class _Together:
    """The task of saying each sentence of an answer: one candidate for each; every input is read once."""

    passage: Passage
    bounds: Sequence[tuple[int, int]]
    texts: Sequence[str]
    known: dict[bytes, Tensor] = field(default_factory=dict)

    def logits(self, model: InstrumentedModel, encoding: Encoding, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        """Logits [B, sentences]."""
        if positions is None:
            raise ValueError("This encoding has no output.")
        names = sorted(inputs)
        keys = [b"|".join(inputs[name][row].cpu().numpy().tobytes() for name in names) for row in range(len(positions))]
        new = [row for row, key in enumerate(keys) if key not in self.known]
        if new:
            each = self.passage.of_tokens(model, {name: tensor[new] for name, tensor in inputs.items()}, positions[new])  # [B, tokens]
            found = summed(torch.stack([each[:, start:end].sum(1) for start, end in self.bounds], dim=1), self.passage.unit)
            self.known.update(zip((keys[row] for row in new), found, strict=True))
        return torch.stack([self.known[key] for key in keys])

    def independent(self, model: InstrumentedModel) -> bool:
        """Each sentence has a probability of its own."""
        return True

    def one_by_one(self, model: InstrumentedModel) -> bool:
        """The model takes several texts at a time."""
        return False

    def candidate_text(self, model: InstrumentedModel, index: int) -> str:
        """The sentence."""
        return self.texts[index]


def sentences_of(score: Score, steps: Sequence[Target]) -> tuple[Sentence, ...]:
    """The sentences of an answer.

    Args:
        score: Of the whole answer.
        steps: The answer's tokens.

    Raises:
        UnsupportedError: The score is not that of an answer.
    """
    whole, model, encoding = score.task, score.model, score.encoding
    if not isinstance(whole, Passage) or len(whole.ids) != len(steps):
        raise UnsupportedError("Only the whole answer to messages is explained sentence by sentence. Ask for generation with messages.")
    bounds = sentence_bounds(model, whole.ids)
    single = [passage_score(model, whole.task, at_step(encoding, end - 1), steps[start:end], score.unit) for start, end in bounds]
    together = _Together(whole, bounds, [one.target.text for one in single])
    return tuple(
        Sentence(
            one.target.text,
            end - start,
            one,
            Score(model, together, encoding, Target(number, *list(vars(one.target).values())[1:]), None, score.unit),
        )
        for number, (one, (start, end)) in enumerate(zip(single, bounds, strict=True))
    )


def sentence_bounds(model: InstrumentedModel, ids: Sequence[int]) -> list[tuple[int, int]]:
    """The first token of each sentence of an output, and the one after its last."""
    ends = [len(model.tokenizer.decode(list(ids[: number + 1]))) for number in range(len(ids))]
    text = str(model.tokenizer.decode(list(ids)))
    tokens, reached = [], 0
    for index, end in zip(ids, ends, strict=True):
        start = min(reached + len(text[reached:end]) - len(text[reached:end].lstrip()), end)
        tokens.append(Token(text[start:end], text[reached:start], "", index, start, end, special=False))
        reached = max(reached, end)
    sentences = groups_of(_Output(text, tuple(tokens)), Granularity.SENTENCES)
    starts = sorted(min(group.indices) for group in sentences)
    return list(zip(starts, [*starts[1:], len(ids)], strict=True))


@dataclass(frozen=True)
class _Output:
    text: str
    tokens: tuple[Token, ...]
    spans: tuple[()] = ()
