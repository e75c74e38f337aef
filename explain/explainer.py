"""TokenExplainer: the one pipeline from a text to its explanation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from explain.analysis import Analysis, plain_pass_for
from explain.defaults import DEFAULT_METHODS
from explain.errors import InputError
from explain.messages import Document
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.explained_model import ExplainedModel
from explain.models.tasks import Task, detect, make_task
from explain.models.truncation import Truncation, truncate
from explain.results import Explanation
from explain.types import Asked, Question, Unit

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class TokenExplainer:
    """Explains which tokens drove a model's prediction.

    Args:
        model: A loaded transformers model. It is instrumented, behaves as before, and is as it was after `close`.
        tokenizer: Its fast tokenizer.
        task: masked_lm, classification, next_token, span_infilling, generation or embedding, or a task of your own; found from the
            model's head if left out.
        labels: For classification by a text-to-text model, the label words.
        prefix: For the same, what the model expects before the text.

    Raises:
        UnsupportedError: The model has no head for the task.
        InputError: The tokenizer is missing, or an `ExplainedModel` was loaded for another task.
    """

    def __init__(
        self,
        model: PreTrainedModel | ExplainedModel,
        tokenizer: PreTrainedTokenizerBase | None = None,
        *,
        task: str | Task | None = None,
        labels: Sequence[str] = (),
        prefix: str | None = None,
    ) -> None:
        if isinstance(model, ExplainedModel):
            if task is not None and not (task is model.task or task == model.task.name):
                raise InputError(
                    f"This model is loaded for {model.task.name}, not for {task}. Leave the task out, or load the model for it."
                )
            self.model = model
            return
        if tokenizer is None:
            raise InputError("A model was given without its tokenizer. Give both: TokenExplainer(model, tokenizer).")
        if not isinstance(task, Task):
            task = make_task(task or detect(type(model).__name__), model, labels=labels, prefix=prefix)
        self.model = ExplainedModel(model, tokenizer, task)

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

    def ask(self, question: Asked, *, methods: Iterable[Method] = (), **asked: Any) -> Analysis:
        """Read and predict a text, ready to be explained method by method.

        Args:
            question: A text, the messages of a chat, or either with what is asked about it.
            methods: What is going to explain it: what they all read of the prediction's pass (recordings, gradients) is then kept from
                it, else they make a pass of their own.
            asked: Fields of `Question` (target, foil, unit, position, step, span, …) that the question leaves open.

        Raises:
            InputError: Text, target, foil, unit, position or step cannot be used; the message says why.
        """
        whole = Question.of(question, **asked)
        encoding = self.model.encode(whole)
        how = plain_pass_for(methods, self.model, 1, len(encoding.tokens))
        prediction, scores = self.model.answer(encoding, whole, **how)
        return Analysis(self.model, encoding, prediction, scores)

    def truncate(self, question: Asked, **asked: Any) -> Truncation | None:
        """The longest part of a text that the model reads around what the task needs of it; `None` if it reads all.

        A text that is too long is never cut on the way to an explanation: `analyze` refuses it. Explain `truncate(text).question` instead,
        and say what was left out. The arguments are those of `ask`.

        Raises:
            InputError: The text cannot be explained for another reason.
            TextTooLongError: No cut makes it short enough.
        """
        return truncate(self.model, Question.of(question, **asked))

    def analyze(
        self,
        text: Asked,
        methods: Iterable[str | Method] = DEFAULT_METHODS,
        *,
        target: str | int | None = None,
        foil: str | int | None = None,
        unit: Unit | str | None = None,
        position: int | None = None,
        step: int | None = None,
        span: str | tuple[int, int] | None = None,
        documents: Iterable[Document | Mapping[str, Any]] | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        visualize: bool = False,
    ) -> Explanation:
        """Explain a text with one or several methods.

        Args:
            text: What a person typed, the messages of a chat, or a `Question`; masked LM wants a mask, span infilling a sentinel or blank.
            methods: Names, or methods with options such as `IntegratedGradients(steps=50)`.
            target: Label, token or index to explain; the model's own prediction if left out. For span infilling and generation
                the output text to explain.
            foil: Explain the target rather than this.
            unit: "logit", "log_probability" or "probability"; the task's default if left out.
            position: Which mask or blank (from 0), where there are several.
            step: Which output token (from 0) of a sequence task; all of them if left out.
            span: A passage of the output that is explained as one: its words, or its characters [start, end). The answer in a chat is
                explained as one in any case, unless a step or a foil is given.
            documents: In a chat, what the answer may rest on.
            options: Method name -> option name -> value, for methods given by name.
            visualize: Also show the result: a heatmap in a notebook, a table elsewhere.

        Raises:
            InputError: Text, target, foil, unit, position, step or an option cannot be used; the message says why.
            UnknownMethodError: A method name is not known.
            UnsupportedError: The model cannot be explained in the asked way.
        """
        chosen = make_methods(methods, options)
        question = Question.of(text, target=target, foil=foil, unit=unit, position=position, step=step, span=span, documents=documents)
        analysis = self.ask(question, methods=chosen)
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
