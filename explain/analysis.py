"""One text, read and predicted, ready to be explained method by method."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from explain.completeness import completeness_gap
from explain.errors import ExplainError, InputError
from explain.methods.method import Method
from explain.models import memory
from explain.models.explained_model import ExplainedModel
from explain.models.joint import batches
from explain.models.score import Score
from explain.results import Attribution, Explanation
from explain.types import Array, Encoding, Prediction, Target


@dataclass(frozen=True)
class Analysis:
    """One text, read and predicted, ready to be explained method by method.

    Attributes:
        model: The model that was asked.
        encoding: The text as it reads it, with the whole output of a sequence task.
        prediction: What it says.
        scores: What is explained: one score, or one per output token.
    """

    model: ExplainedModel
    encoding: Encoding
    prediction: Prediction
    scores: tuple[Score, ...]

    @property
    def target(self) -> Target:
        """What is explained: the target, or the whole output where several tokens are."""
        steps = [score.target for score in self.scores]
        if len(steps) == 1:
            return steps[0]
        probability = math.prod(step.probability or 0.0 for step in steps)
        return Target(-1, self.prediction.text, sum(step.logit for step in steps), probability)

    def single(self, number: int | None = None) -> Analysis:
        """The same with one of the scores alone (from 0), the last if left out.

        Raises:
            InputError: There is no such output token.
        """
        if number is None:
            return replace(self, scores=self.scores[-1:])
        if not 0 <= number < len(self.scores):
            raise InputError(f"There is no output token {number}: {len(self.scores)} are explained (counted from 0).")
        return replace(self, scores=(self.scores[number],))

    def run(self, method: Method) -> Attribution:
        """Explain with one method.

        Raises:
            UnsupportedError: The model cannot be explained in this way.
        """
        if not self.model.task.sequence:
            return method.attribute(self.scores[0])
        method.check(self.model)
        parts: list[Attribution] = []
        for score in self.scores:
            parts = [*(replace(part, maps={}) for part in parts), method.attribute(score)]
        return _sum_of_steps(parts, self.scores[-1].encoding, self.target)

    def on(self, model: ExplainedModel) -> Analysis:
        """The same questions to another model."""
        return replace(self, model=model, scores=tuple(score.anew(model) for score in self.scores))

    def explanation(self, attributions: Iterable[Attribution]) -> Explanation:
        last = self.scores[-1]
        return Explanation(
            model=self.model.name,
            task=self.model.task.name,
            text=self.encoding.text,
            tokens=last.encoding.tokens,
            prediction=self.prediction,
            target=self.target,
            foil=last.foil,
            unit=last.unit,
            attributions=tuple(attributions),
            outputs=tuple(score.target for score in self.scores) if self.model.task.sequence else (),
            spans=self.encoding.spans,
        )


def plain_pass_for(methods: Iterable[Method], model: ExplainedModel, rows: int, tokens: int) -> dict[str, Any]:
    """How the plain pass of so many rows is made, so that the methods which can read it need none of their own: keywords of `answer`.

    A graph that is too large to be kept until its method is run is not made.
    """
    chosen = tuple(methods)
    kept = model.attention_groups and memory.keeps_graph(model, rows, tokens, written_out=not model.instruments.attention_is_one)
    wanted = (method.under(rows) for method in chosen if kept)
    return {
        "recording": any(method.reads_trace for method in chosen),
        "differentiable": any(method.reads_gradient for method in chosen),
        "under": next((under for under in wanted if under is not None), None),
    }


def run_many(analyses: Sequence[Analysis], method: Method) -> list[Attribution | ExplainError]:
    """Explain several texts of one model with one method; texts (or outputs) of one shape share passes where the method can.

    A text that cannot be explained has the error that says why in its place.
    """
    if not analyses:
        return []
    model = analyses[0].model
    scores = [score for analysis in analyses for score in analysis.scores]
    last = {id(analysis.scores[-1]) for analysis in analyses}
    kinds = [(score.unit, score.foil is None, score.task) for score in scores]  # a passage is a task of its own
    parts: dict[int, Attribution | ExplainError] = {}
    for batch in batches(model, model.task, [score.encoding for score in scores], kinds):
        for number, part in zip(batch, method.attribute_many([scores[number] for number in batch]), strict=True):
            keep = isinstance(part, ExplainError) or id(scores[number]) in last
            parts[number] = part if keep else replace(part, maps={})  # type: ignore[type-var]
    found: list[Attribution | ExplainError] = []
    first = 0
    for analysis in analyses:
        own = [parts[first + step] for step in range(len(analysis.scores))]
        first += len(own)
        wrong = next((part for part in own if isinstance(part, ExplainError)), None)
        good = [part for part in own if not isinstance(part, ExplainError)]
        if wrong is not None:
            found.append(wrong)
        else:
            found.append(_sum_of_steps(good, analysis.scores[-1].encoding, analysis.target) if model.task.sequence else good[0])
    return found


def _sum_of_steps(parts: Sequence[Attribution], encoding: Encoding, target: Target) -> Attribution:
    """Scores of every output token on all tokens read for the last one (0 where a step did not read a token), and their sum."""
    steps = np.zeros((len(parts), len(encoding.tokens)))
    for row, part in zip(steps, parts, strict=True):
        row[: len(part.tokens)] = part.scores
    last = parts[-1]
    output = sum(part.output for part in parts)
    baselines = [part.baseline_output for part in parts]
    baseline = None if None in baselines else float(sum(b for b in baselines if b is not None))
    scores = steps.sum(0)
    return replace(
        last,
        scores=scores,
        step_scores=steps,
        target=target,
        output=output,
        baseline_output=baseline,
        gap=_gap_of_steps(parts, scores, output, baseline),
        seconds=sum(part.seconds for part in parts),
        passes=sum(part.passes for part in parts),
    )


def _gap_of_steps(parts: Sequence[Attribution], scores: Array, output: float, baseline: float | None) -> float | None:
    """The gap of the sum for complete methods, else the largest gap of a step."""
    if baseline is not None:
        return completeness_gap(scores, output, baseline)
    return max((part.gap for part in parts if part.gap is not None), default=None)
