"""Several prompts explained in the same way, one after the other, and what can be read off them together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.errors import InputError
from explain.evaluation.features import features_of
from explain.evaluation.labels import MethodLabel, labels_of
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.perturbation import Granularity
from explain.prompts.reading import counted
from explain.prompts.spans import find
from explain.results import Explanation
from explain.tokens import sum_over
from explain.types import Array, Question

if TYPE_CHECKING:
    import pandas as pd

    from explain.explainer import TokenExplainer


@dataclass(frozen=True)
class PromptResult:
    """A prompt, which is a question, and its explanation."""

    question: Question
    explanation: Explanation


@dataclass(frozen=True)
class PromptComparison:
    """Prompts explained by the same methods.

    Attributes:
        results: In the order in which the prompts are shown.

    Raises:
        InputError: The models or methods differ from prompt to prompt.
    """

    results: tuple[PromptResult, ...]

    def __post_init__(self) -> None:
        if len({(e.model, e.task, tuple(a.method for a in e)) for e in self.explanations}) > 1:
            raise InputError("The prompts were explained by different models or methods. Explain each with the same ones.")

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.explanations)

    @property
    def explanations(self) -> tuple[Explanation, ...]:
        return tuple(result.explanation for result in self.results)

    @property
    def labels(self) -> tuple[MethodLabel, ...]:
        return labels_of(self.explanations[0]) if self.results else ()

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)

    @property
    def scores(self) -> Array:
        """The explained score of every prompt [prompts], in its unit."""
        return np.array([score_of(explanation) for explanation in self], dtype=np.float64)

    @property
    def probabilities(self) -> Array:
        """The probability of every prompt's target [prompts]; NaN where the model gives none."""
        return np.array([_number(explanation.target.probability) for explanation in self], dtype=np.float64)

    def sort(self, by: str = "score", *, ascending: bool = False) -> PromptComparison:
        """The prompts ordered by "score" or "probability" (of the target); NaN comes last, and equal ones keep their order.

        Raises:
            InputError: They cannot be ordered by this.
        """
        values = self._values(by)
        order = np.argsort(values if ascending else -values, kind="stable")
        return PromptComparison(tuple(self.results[number] for number in order))

    def filter(
        self, *, by: str = "score", minimum: float | None = None, maximum: float | None = None, containing: str | None = None
    ) -> PromptComparison:
        """The prompts whose score or probability lies within bounds (inclusive) and that contain a word or phrase.

        Raises:
            InputError: `by` is not known or `containing` is empty.
        """
        values = self._values(by)
        kept = np.ones(len(self), dtype=bool)
        if minimum is not None:
            kept &= values >= minimum
        if maximum is not None:
            kept &= values <= maximum
        if containing is not None:
            kept &= np.array([bool(find(e.tokens, e.text, containing)) for e in self], dtype=bool)
        return PromptComparison(tuple(result for result, keep in zip(self.results, kept, strict=True) if keep))

    def table(self) -> pd.DataFrame:
        """One row per prompt.

        Columns: prompt, prediction, probability (of the prediction), target, foil, target_probability, score, unit; then for every method
        the word with the largest absolute score ("lrp: word") and its score ("lrp: score"), special tokens left out.
        """
        import pandas as pd

        return pd.DataFrame([_row(result) for result in self.results])

    def to_dict(self, *, maps: bool = False) -> dict[str, Any]:
        """Plain Python for JSON: what was asked, and every explanation."""
        return {
            "methods": list(self.methods),
            "titles": {label.name: label.title for label in self.labels},
            "prompts": [
                {
                    "asked": {**vars(result.question), "unit": None if result.question.unit is None else str(result.question.unit)},
                    **result.explanation.to_dict(maps=maps),
                    "score": score_of(result.explanation),
                }
                for result in self.results
            ],
        }

    def _values(self, by: str) -> Array:
        if by not in ("score", "probability"):
            raise InputError(f"Prompts cannot be ordered by {by!r}. Choose score or probability.")
        return self.scores if by == "score" else self.probabilities


def iter_prompts(
    explainer: TokenExplainer,
    prompts: Iterable[str | Question],
    methods: Iterable[str | Method],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    maps: bool = False,
    **asked: Any,
) -> Iterator[PromptResult]:
    """The prompts one by one, each explained whole before it is handed out. The arguments are those of `compare_prompts`.

    All of them are read and predicted at once, so that one that cannot be used is named before anything is explained.
    """
    chosen = make_methods(methods, options)
    questions = counted([Question.of(prompt, **asked) for prompt in prompts])
    for method in chosen:
        method.check(explainer.model)
    for number, question in enumerate(questions, 1):
        _try(explainer, number, question)
    return _explained(explainer, questions, chosen, maps)


def compare_prompts(
    explainer: TokenExplainer,
    prompts: Iterable[str | Question],
    methods: Iterable[str | Method],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    maps: bool = False,
    **asked: Any,
) -> PromptComparison:
    """Prompts explained with the same methods and options.

    Args:
        explainer: What to ask.
        prompts: Texts or questions; without a target each prompt's own prediction is explained.
        methods: Names or methods.
        options: Of methods given by name.
        maps: Keep raw arrays such as attention weights: those of many long prompts may not fit into memory.
        asked: Fields of `Question` (target, foil, unit, position, step) that the prompts leave open.

    Raises:
        InputError: There are too few or too many prompts, or one cannot be used; the message says which and why.
        UnknownMethodError: A method name is not known.
        UnsupportedError: A method cannot explain this model.
    """
    return PromptComparison(tuple(iter_prompts(explainer, prompts, methods, options=options, maps=maps, **asked)))


def score_of(explanation: Explanation) -> float:
    """The explained score: the target in its unit minus the foil, for sequence tasks summed over the explained output tokens."""
    return explanation.attributions[0].output


def same_question(first: Explanation, second: Explanation) -> bool:
    """Whether two explanations have the same target, foil and unit."""

    def key(explanation: Explanation) -> tuple[Any, ...]:
        foil = explanation.foil
        outputs = tuple(output.index for output in explanation.outputs)
        return explanation.target.index, explanation.target.text, outputs, foil and foil.index, explanation.unit

    return key(first) == key(second)


def _try(explainer: TokenExplainer, number: int, question: Question) -> None:
    """Read and predict a prompt and keep nothing: what is recorded of many long prompts may not fit into memory."""
    try:
        explainer.ask(question)
    except InputError as error:
        raise type(error)(f"Prompt {number} ({question.text[:40]!r}): {error}") from error


def _explained(explainer: TokenExplainer, questions: Sequence[Question], methods: Sequence[Method], maps: bool) -> Iterator[PromptResult]:
    for question in questions:
        analysis = explainer.ask(question, methods=methods)
        found = [analysis.run(method) for method in methods]
        yield PromptResult(question, analysis.explanation(found if maps else [replace(a, maps={}) for a in found]))


def _row(result: PromptResult) -> dict[str, Any]:
    explanation = result.explanation
    prediction = explanation.prediction
    steps = [_number(step.probability) for step in prediction.steps]
    row: dict[str, Any] = {
        "prompt": explanation.text,
        "prediction": prediction.text,
        "probability": float(np.prod(steps)) if steps else _number(prediction.candidates[0].probability),
        "target": explanation.target.text,
        "foil": None if explanation.foil is None else explanation.foil.text,
        "target_probability": _number(explanation.target.probability),
        "score": score_of(explanation),
        "unit": explanation.unit.value,
    }
    groups = features_of(explanation, Granularity.WORDS)
    for attribution in explanation:
        scores = sum_over(groups, attribution.scores) if groups else np.zeros(0)
        best = int(np.abs(scores).argmax()) if len(scores) else None
        row[f"{attribution.method}: word"] = None if best is None else groups[best].text
        row[f"{attribution.method}: score"] = float("nan") if best is None else float(scores[best])
    return row


def _number(probability: float | None) -> float:
    return float("nan") if probability is None else probability
