"""A loaded model and what it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explain.errors import InputError
from explain.models.instrumented import InstrumentedModel
from explain.models.score import Score
from explain.models.tasks.task import Task
from explain.types import Encoding, Prediction, Question

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class ExplainedModel(InstrumentedModel):
    """A transformers model, instrumented, that answers one task.

    Args:
        model: Any transformers model that the task supports. It is put in evaluation mode until `close`.
        tokenizer: Its fast tokenizer.
        task: What the model is asked.
        name: How it is called in results.
        revision: The commit it was loaded from, for the record.

    Raises:
        UnsupportedError: The model cannot do the task.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, task: Task, *, name: str = "", revision: str | None = None
    ) -> None:
        task.check(model, tokenizer)
        super().__init__(model, tokenizer, name=name, revision=revision)
        self.task = task

    def encode(self, question: str | Question) -> Encoding:
        """The text as the model reads it; of a sequence task with the output that is explained.

        Raises:
            InputError: The text is empty or lacks what the task needs.
            TextTooLongError: It has more tokens than the model reads.
        """
        asked = Question.of(question)
        if not asked.text.strip():
            raise InputError("The text is empty. Type a sentence to explain.")
        return self.task.encode(self, asked)

    def answer(
        self, encoding: Encoding, question: str | Question, *, recording: bool = False, differentiable: bool = False
    ) -> tuple[Prediction, tuple[Score, ...]]:
        """What the model says to an encoded question, and the scores that explain it: one, or one for each output token.

        Args:
            encoding: Of this question.
            question: What is asked.
            recording: Record the pass, for methods that read what the model computed in it.
            differentiable: Keep its graph, for methods that read the gradient at the embeddings.

        Raises:
            TargetError: The target or foil cannot be said, or they are the same.
            InputError: The unit or step does not exist here.
        """
        return self.task.answer(self, encoding, Question.of(question), recording=recording, differentiable=differentiable)

    def ask(self, question: str | Question) -> tuple[Prediction, tuple[Score, ...]]:
        """`encode` and `answer` in one."""
        return self.answer(self.encode(question), question)
