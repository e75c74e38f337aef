"""TokenExplainer: the one pipeline from a text to its explanation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from explain.errors import InputError
from explain.method import Method, completeness_gap
from explain.methods import make_methods
from explain.models.explained_model import ExplainedModel
from explain.models.tasks import detect, make_task
from explain.models.truncation import Truncation, truncate
from explain.types import Array, Attribution, Encoding, Explanation, Prediction, Question, Target, Unit

if TYPE_CHECKING:
    import plotly.graph_objects as go

DEFAULT_METHODS = ("attention", "input_x_gradient", "integrated_gradients")


@dataclass(frozen=True)
class Analysis:
    """One text, read and predicted, ready to be explained method by method.

    Attributes:
        model: The model that was asked.
        encoding: The text as it reads it, with the whole output of a sequence task.
        prediction: What it says.
        questions: What is explained: one question, or one per output token.
    """

    model: ExplainedModel
    encoding: Encoding
    prediction: Prediction
    questions: tuple[Question, ...]

    @property
    def target(self) -> Target:
        """What is explained: the target, or the whole output where several tokens are."""
        steps = [question.target for question in self.questions]
        if len(steps) == 1:
            return steps[0]
        probability = math.prod(step.probability or 0.0 for step in steps)
        return Target(-1, self.prediction.text, sum(step.logit for step in steps), probability)

    def single(self, number: int | None = None) -> Analysis:
        """The same with one of the questions alone (from 0), the last if left out.

        Raises:
            InputError: There is no such question.
        """
        if number is None:
            return replace(self, questions=self.questions[-1:])
        if not 0 <= number < len(self.questions):
            raise InputError(f"There is no output token {number}: {len(self.questions)} are explained (counted from 0).")
        return replace(self, questions=(self.questions[number],))

    def run(self, method: Method) -> Attribution:
        """Explain with one method.

        Raises:
            UnsupportedError: The model cannot be explained in this way.
        """
        method.check(self.model)
        if not self.model.task.sequence:
            return method.attribute(self.model, self.questions[0])
        parts: list[Attribution] = []
        for question in self.questions:
            parts = [*(replace(part, maps={}) for part in parts), method.attribute(self.model, question)]
        return _sum_of_steps(parts, self.questions[-1].encoding, self.target)

    def explanation(self, attributions: Iterable[Attribution]) -> Explanation:
        last = self.questions[-1]
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
            outputs=tuple(question.target for question in self.questions) if self.model.task.sequence else (),
        )


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


class TokenExplainer:
    """Explains which tokens drove a model's prediction.

    Args:
        model: A loaded transformers model. It is instrumented, behaves as before, and is as it was after `close`.
        tokenizer: Its fast tokenizer.
        task: masked_lm, classification, next_token, span_infilling, generation or embedding; found from the model's head
            if left out.
        labels: For classification by a text-to-text model, the label words.
        prefix: For the same, what the model expects before the text.

    Raises:
        UnsupportedError: The model has no head for the task.
    """

    def __init__(
        self,
        model: PreTrainedModel | ExplainedModel,
        tokenizer: PreTrainedTokenizerBase | None = None,
        *,
        task: str | None = None,
        labels: Sequence[str] = (),
        prefix: str | None = None,
    ) -> None:
        if isinstance(model, ExplainedModel):
            self.model = model
            return
        if tokenizer is None:
            raise InputError("A model was given without its tokenizer. Give both: TokenExplainer(model, tokenizer).")
        name = detect(type(model).__name__) if task is None else task
        self.model = ExplainedModel(model, tokenizer, make_task(name, model, labels=labels, prefix=prefix))

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        *,
        task: str | None = None,
        revision: str | None = None,
        labels: Sequence[str] = (),
        prefix: str | None = None,
    ) -> Self:
        """An explainer for a bundled checkpoint, a folder or a model on the Hub.

        Raises:
            ModelNotFoundError: There is no such model, or the Hub cannot be reached.
            UnsupportedError: It has no head for the task.
        """
        from explain.models.loading import load_model

        return cls(load_model(name, task=task, revision=revision, labels=labels, prefix=prefix))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Take everything off the model again; it is then exactly as it was handed in."""
        self.model.close()

    def ask(
        self,
        text: str,
        *,
        target: str | int | None = None,
        foil: str | int | None = None,
        unit: Unit | str | None = None,
        position: int | None = None,
        step: int | None = None,
    ) -> Analysis:
        """Read and predict a text, ready to be explained method by method; the arguments are those of `analyze`."""
        task = self.model.task
        forced = None
        if task.sequence:
            if isinstance(target, int):
                raise InputError(f"{task.title} explains a text, not an index: give the output to explain as text, or leave it out.")
            forced, target = target, None
        encoding = self.model.encode(text, position=position, output=forced)
        prediction = self.model.predict(encoding)
        questions = task.questions(self.model, encoding, prediction, target=target, foil=foil, unit=task.unit(unit), step=step)
        return Analysis(self.model, encoding, prediction, questions)

    def truncate(self, text: str, *, position: int | None = None, output: str | None = None) -> Truncation | None:
        """The longest part of a text that the model reads around what the task needs of it; `None` if it reads all.

        A text that is too long is never cut on the way to an explanation: `analyze` refuses it. Explain `truncate(text).kept` instead, and
        say what was left out.

        Args:
            text: What a person typed.
            position: Which mask or blank is meant (from 0).
            output: For span infilling and generation, the output that is to be explained.

        Raises:
            InputError: The text cannot be explained for another reason.
            TextTooLongError: No cut makes it short enough.
        """
        return truncate(self.model, text, position=position, output=output)

    def analyze(
        self,
        text: str,
        methods: Iterable[str | Method] = DEFAULT_METHODS,
        *,
        target: str | int | None = None,
        foil: str | int | None = None,
        unit: Unit | str | None = None,
        position: int | None = None,
        step: int | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        visualize: bool = False,
    ) -> Explanation:
        """Explain a text with one or several methods.

        Args:
            text: What a person typed; masked LM wants a mask, span infilling a sentinel or blank.
            methods: Names, or methods with options such as `IntegratedGradients(steps=50)`.
            target: Label, token or index to explain; the model's own prediction if left out. For span infilling and generation
                the output text to explain.
            foil: Explain the target rather than this.
            unit: "logit", "log_probability" or "probability"; the task's default if left out.
            position: Which mask or blank (from 0), where there are several.
            step: Which output token (from 0) of a sequence task; all of them if left out.
            options: Method name -> option name -> value, for methods given by name.
            visualize: Also show the result: a heatmap in a notebook, a table elsewhere.

        Raises:
            InputError: Text, target, foil, unit, position, step or an option cannot be used; the message says why.
            UnknownMethodError: A method name is not known.
            UnsupportedError: The model cannot be explained in the asked way.
        """
        chosen = make_methods(methods, options)
        analysis = self.ask(text, target=target, foil=foil, unit=unit, position=position, step=step)
        explanation = analysis.explanation([analysis.run(method) for method in chosen])
        if visualize:
            from explain.visualization.notebook import show

            show(explanation)
        return explanation

    def show_heatmap(self, explanation: Explanation, *, words: bool = False, special: bool = True) -> go.Figure:
        """Methods x tokens as a Plotly heatmap."""
        from explain.visualization.heatmaps import methods_heatmap

        return methods_heatmap(explanation, words=words, special=special)

    def show_attention(
        self, explanation: Explanation, *, group: str | None = None, layer: int | None = None, head: int | None = None
    ) -> go.Figure:
        """Query x key attention as a Plotly heatmap, averaged or of one layer and head.

        Raises:
            InputError: The explanation has no attention, or the layer or head does not exist.
        """
        from explain.visualization.attention import attention_heatmap

        return attention_heatmap(explanation, group=group, layer=layer, head=head)

    def show_attention_flow(self, explanation: Explanation, *, kind: str = "rollout", threshold: float = 0.05) -> go.Figure:
        """How the tokens reach the explained position layer by layer, as a Plotly network.

        Args:
            explanation: One with the method "attention".
            kind: "rollout" (influence) or "flow" (maximum flow).
            threshold: Lines weaker than this share of the strongest of their layer are left out.

        Raises:
            InputError: The explanation has no attention, or an argument is out of bounds.
        """
        from explain.visualization.network import flow_network

        return flow_network(explanation, kind=kind, threshold=threshold)
