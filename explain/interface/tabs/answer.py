"""What is on the stage: an explanation with what was asked, and what of it a visitor wants to see."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from explain.interface.work.verdict import Verdict
from explain.models.truncation import Truncation
from explain.results import Attribution, Explanation
from explain.sharing.request import Request
from explain.visualization.colors import Scale
from explain.visualization.tokens import Shown, shown

WHOLE = -1
WINDOW = 400
"""How many tokens or words are shown at once; of a longer text a part."""


@dataclass(frozen=True)
class Answer:
    """An explanation with all that belongs to it.

    Attributes:
        request: What was asked.
        explanation: What is known of it so far.
        cut: What the model did not read.
        verdict: How faithful the methods are on this text, where that was measured.
        other: The same methods for another target.
        finished: Whether all methods are done.
    """

    request: Request
    explanation: Explanation
    cut: Truncation | None = None
    verdict: Verdict | None = None
    other: Explanation | None = None
    finished: bool = False


@dataclass(frozen=True)
class Seen:
    """What all views have in common: the answer, and the choices that hold for every view.

    Attributes:
        answer: What is on the stage.
        output: Which output token of a sequence task, from 0; `None` for all.
        layer: From 0; `None` for all.
        marked: The token that was chosen, an index into the explanation's tokens.
        words: Words instead of sub-words.
        special: Special tokens too.
        scale: What the strongest colour stands for.
        window: The first token that is shown of a long text; `None` for where the scores are strongest.
        root: The address of the page, without query.
    """

    answer: Answer
    output: int | None = None
    layer: int | None = None
    marked: int | None = None
    words: bool = False
    special: bool = True
    scale: Scale = Scale.PER_METHOD
    window: int | None = None
    root: str = ""

    @cached_property
    def explanation(self) -> Explanation:
        """Of the chosen output token alone, if one is chosen."""
        return of_output(self.answer.explanation, self.output)

    @cached_property
    def columns(self) -> Shown:
        """The tokens or words, all of them."""
        explanation = self.answer.explanation
        return shown(explanation.tokens, explanation.text, merge=self.words, special=self.special)

    @cached_property
    def part(self) -> slice:
        """Which columns are shown: at most `WINDOW`."""
        count = len(self.columns.groups)
        if count <= WINDOW:
            return slice(0, count)
        if self.window is not None:
            first = next((n for n, group in enumerate(self.columns.groups) if group.indices[-1] >= self.window), count)
        else:
            strongest = next((np.abs(self.columns.scores(a.scores)).argmax() for a in self.explanation), 0)
            first = int(strongest) - WINDOW // 2
        start = min(max(first, 0), count - WINDOW)
        return slice(start, start + WINDOW)

    @cached_property
    def pieces(self) -> list[tuple[str, int | None]]:
        """What the shown part is written with: columns with their numbers, what stands between them, and dots where it goes on."""
        own = [(text, None if column is None else column + self.part.start) for text, column in self.columns.part(self.part).pieces]
        before = [("… ", None)] if self.part.start else []
        after = [(" …", None)] if self.part.stop < len(self.columns.groups) else []
        return [*before, *own, *after]

    @property
    def step(self) -> int | None:
        """Which of several output tokens is looked into: the chosen one; `None` for the last, or where there is one answer."""
        return self.output if len(self.answer.explanation.outputs) > 1 else None

    @property
    def has_attention(self) -> bool:
        return any(a.method == "attention" and a.maps for a in self.answer.explanation)


def of_output(explanation: Explanation, number: int | None) -> Explanation:
    """The part of a sequence's explanation that belongs to one output token."""
    if number is None or not 0 <= number < len(explanation.outputs):
        return explanation
    target = explanation.outputs[number]

    def part(attribution: Attribution) -> Attribution:
        if attribution.step_scores is None:
            return attribution
        return dataclasses.replace(attribution, scores=attribution.step_scores[number], target=target)

    return dataclasses.replace(explanation, target=target, attributions=tuple(map(part, explanation)))
