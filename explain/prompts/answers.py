"""Two answers to one question, of any length: which tokens speak for the one rather than the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from explain.errors import InputError, TargetError, UnsupportedError
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.results import Attribution, Explanation
from explain.types import Asked, Question, Segment, Target

if TYPE_CHECKING:
    from explain.explainer import TokenExplainer


class Measure(StrEnum):
    """How answers of different lengths are compared."""

    MEAN = "mean"
    SUM = "sum"


def compare_answers(
    explainer: TokenExplainer,
    question: Asked,
    answer: str,
    other: str,
    methods: Iterable[str | Method] = ("lrp", "integrated_gradients", "occlusion"),
    *,
    measure: Measure | str = Measure.MEAN,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **asked: Any,
) -> Explanation:
    """Explain the score of an answer minus that of another one, on what both have in common: the question.

    An answer's score is the sum over its tokens, or their mean: a sum favours the shorter answer, a mean does not. What each answer read
    of itself is left out, so that a complete method's scores sum to less than the difference by what it gave these tokens.

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
    if measure not in set(Measure):
        raise InputError(f"The measure {str(measure)!r} is not known. Choose one of: {', '.join(Measure)}.")
    if not explainer.model.task.sequence:
        raise UnsupportedError(f"{explainer.model.task.title} has no answers of several tokens. Give target and foil instead.")
    if answer.strip() == other.strip():
        raise TargetError(f"Both answers are {answer.strip()!r}: a contrast needs two different ones.")
    chosen = make_methods(methods, options)
    unsigned = next((method.title for method in chosen if not method.signed), None)
    if unsigned is not None:
        raise UnsupportedError(f"{unsigned} has no sign: what it gives two answers cannot be subtracted. Leave it out.")
    base = Question.of(question, **asked)
    found, lengths = [], []
    for said in (answer, other):
        whole = dataclasses.replace(base, target=said, span=None, step=None, foil=None)
        text = explainer.ask(whole).prediction.text
        analysis = explainer.ask(dataclasses.replace(whole, span=(0, len(text))), methods=chosen)
        lengths.append(len(analysis.prediction.steps) if measure == Measure.MEAN else 1)
        found.append(analysis.explanation([analysis.run(method) for method in chosen]))
    one, two = found
    length = sum(token.segment is Segment.INPUT for token in one.tokens)
    return dataclasses.replace(
        one,
        tokens=one.tokens[:length],
        target=dataclasses.replace(one.target, probability=None),
        foil=two.target,
        attributions=tuple(_difference(*pair, lengths, length, two.target) for pair in zip(one, two, strict=True)),
        outputs=(),
    )


def _difference(one: Attribution, two: Attribution, lengths: list[int], length: int, foil: Target) -> Attribution:
    """One method's scores of the first `length` tokens, each answer's divided by its number in `lengths`."""
    first, second = lengths
    baseline = None
    if one.baseline_output is not None and two.baseline_output is not None:
        baseline = one.baseline_output / first - two.baseline_output / second
    return dataclasses.replace(
        one,
        tokens=one.tokens[:length],
        scores=one.scores[:length] / first - two.scores[:length] / second,
        foil=foil,
        output=one.output / first - two.output / second,
        baseline_output=baseline,
        gap=max((gap for gap in (one.gap, two.gap) if gap is not None), default=None),
        step_scores=None,
        maps={},
        seconds=one.seconds + two.seconds,
        passes=one.passes + two.passes,
        positions=(),
    )
