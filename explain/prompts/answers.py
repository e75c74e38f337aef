"""Two answers to one question, of any length: which tokens speak for the one rather than the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from explain.errors import InputError, TargetError, UnsupportedError
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.score import Score
from explain.results import Attribution, Explanation
from explain.types import Asked, Question, Segment

if TYPE_CHECKING:
    from explain.analysis import Analysis
    from explain.explainer import TokenExplainer
    from explain.models.explained_model import ExplainedModel

METHODS = ("lrp", "integrated_gradients", "occlusion")


class Measure(StrEnum):
    """How answers of different lengths are compared."""

    MEAN = "mean"
    SUM = "sum"


SAID = {Measure.MEAN: "the mean per token of each answer", Measure.SUM: "the sum over the tokens of each answer"}
"""What is compared, in words."""


@dataclass(frozen=True)
class Contrast:
    """Two answers to one question, read and ready to be explained method by method, as an `Analysis` is.

    An answer's score is the sum over its tokens, or their mean: a sum favours the shorter answer, a mean does not. What each answer read
    of itself is left out, so that a complete method's scores sum to less than the difference by what it gave these tokens.

    Attributes:
        answer: What is explained.
        other: What it is contrasted with.
        measure: "mean" or "sum".
    """

    answer: Analysis
    other: Analysis
    measure: Measure

    @classmethod
    def of(cls, explainer: TokenExplainer, question: Question, measure: Measure | str, methods: Sequence[Method] = ()) -> Contrast:
        """Read both answers.

        Args:
            explainer: A model for generation or span infilling.
            question: Its target is the answer, its foil the other one.
            measure: "mean" or "sum".
            methods: What is going to explain it; each has a sign.

        Raises:
            InputError: The question cannot be asked, an answer is missing, or the measure is not known.
            TargetError: The answers are the same.
            UnsupportedError: The model writes no answers, or a method has no sign.
        """
        if measure not in set(Measure):
            raise InputError(f"The measure {str(measure)!r} is not known. Choose one of: {', '.join(Measure)}.")
        if not explainer.model.task.sequence:
            raise UnsupportedError(f"{explainer.model.task.title} has no answers of several tokens. Give target and foil instead.")
        said = [question.target, question.foil]
        if not all(isinstance(text, str) and text.strip() for text in said):
            raise InputError(f"Two answers are compared as texts: give both, got {said[0]!r} and {said[1]!r}.")
        answer, other = map(str, said)
        if answer.strip() == other.strip():
            raise TargetError(f"Both answers are {answer.strip()!r}: a contrast needs two different ones.")
        unsigned = next((method.title for method in methods if not method.signed), None)
        if unsigned is not None:
            raise UnsupportedError(f"{unsigned} has no sign: what it gives two answers cannot be subtracted. Leave it out.")
        whole = dataclasses.replace(question, span=None, step=None, foil=None)
        one, two = (_read(explainer, dataclasses.replace(whole, target=text), methods) for text in (answer, other))
        return cls(one, two, Measure(measure))

    @property
    def model(self) -> ExplainedModel:
        return self.answer.model

    @property
    def scores(self) -> tuple[Score, ...]:
        """Of both answers."""
        return (*self.answer.scores, *self.other.scores)

    def run(self, method: Method) -> Attribution:
        """Explain the difference with one method that has a sign: one method's scores of the question's tokens.

        Raises:
            UnsupportedError: The model cannot be explained in this way.
        """
        one, two = self.answer.run(method), self.other.run(method)
        first, second = self._lengths
        baseline = None
        if one.baseline_output is not None and two.baseline_output is not None:
            baseline = one.baseline_output / first - two.baseline_output / second
        length = self._length
        return dataclasses.replace(
            one,
            tokens=one.tokens[:length],
            scores=one.scores[:length] / first - two.scores[:length] / second,
            foil=two.target,
            output=one.output / first - two.output / second,
            baseline_output=baseline,
            gap=max((gap for gap in (one.gap, two.gap) if gap is not None), default=None),
            step_scores=None,
            maps={},
            seconds=one.seconds + two.seconds,
            passes=one.passes + two.passes,
            positions=(),
        )

    def explanation(self, attributions: Iterable[Attribution]) -> Explanation:
        """The question's tokens with the attributions; the foil is the other answer. Both have the probability of all they say."""
        whole = self.answer.explanation(attributions)
        return dataclasses.replace(whole, tokens=whole.tokens[: self._length], foil=self.other.target, outputs=())

    @property
    def _length(self) -> int:
        """How many tokens both have in common: the question."""
        return sum(token.segment is Segment.INPUT for token in self.answer.scores[0].encoding.tokens)

    @property
    def _lengths(self) -> tuple[int, int]:
        """By what the score of each answer is divided."""
        if self.measure is Measure.SUM:
            return 1, 1
        return len(self.answer.prediction.steps), len(self.other.prediction.steps)


def _read(explainer: TokenExplainer, question: Question, methods: Sequence[Method]) -> Analysis:
    """A question with an answer, which is explained as one."""
    if question.messages is not None:
        return explainer.ask(question, methods=methods)
    text = explainer.ask(question).prediction.text
    return explainer.ask(dataclasses.replace(question, span=(0, len(text))), methods=methods)


def compare_answers(
    explainer: TokenExplainer,
    question: Asked,
    answer: str,
    other: str,
    methods: Iterable[str | Method] = METHODS,
    *,
    measure: Measure | str = Measure.MEAN,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **asked: Any,
) -> Explanation:
    """Explain the score of an answer minus that of another one, on what both have in common: the question (see `Contrast`).

    Args:
        explainer: A model for generation or span infilling.
        question: A text or messages, or a question with them.
        answer: What is explained.
        other: What it is contrasted with.
        methods: Names or methods whose scores are linear in what is explained: those with a sign.
        measure: "mean" or "sum".
        options: Of methods given by name.
        asked: Fields of `Question` that the question leaves open, such as documents or unit.

    Raises:
        InputError: The question cannot be asked, or the measure is not known.
        TargetError: The answers are the same.
        UnsupportedError: The model writes no answers, or a method has no sign.
    """
    chosen = make_methods(methods, options)
    both = dataclasses.replace(Question.of(question, **asked), target=answer, foil=other)
    contrast = Contrast.of(explainer, both, measure, chosen)
    return contrast.explanation([contrast.run(method) for method in chosen])
