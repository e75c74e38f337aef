"""A loaded model and what it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from explain.errors import ExplainError, InputError
from explain.messages import Span
from explain.models.instrumented import InstrumentedModel
from explain.models.reading import Under
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
        if asked.messages is not None:
            if not self.task.chats:
                raise InputError(
                    f"{self.task.title} reads a text, not the messages of a chat. Give a text, or choose generation or next_token."
                )
            return self.task.encode(self, asked)
        if not asked.text.strip():
            raise InputError("The text is empty. Type a sentence to explain.")
        encoding = self.task.encode(self, asked)
        return encoding if asked.spans is None else replace(encoding, spans=_placed(asked, encoding.text))

    def answer(
        self,
        encoding: Encoding,
        question: str | Question,
        *,
        recording: bool = False,
        differentiable: bool = False,
        under: Under | None = None,
    ) -> tuple[Prediction, tuple[Score, ...]]:
        """What the model says to an encoded question, and the scores that explain it: one, or one for each output token.

        Args:
            encoding: Of this question.
            question: What is asked.
            recording: Record the pass, for methods that read what the model computed in it.
            differentiable: Keep its graph, for methods that read the gradient at the embeddings.
            under: What a method wants the pass to run under (`Method.under`); the graph is kept for it.

        Raises:
            TargetError: The target or foil cannot be said, or they are the same.
            InputError: The unit or step does not exist here.
        """
        how: dict[str, Any] = {"recording": recording, "differentiable": differentiable, "under": under}
        return self.task.answer(self, encoding, Question.of(question), **how)

    def answer_many(
        self,
        encodings: Sequence[Encoding],
        questions: Sequence[Question],
        *,
        recording: bool = False,
        differentiable: bool = False,
        under: Under | None = None,
    ) -> list[tuple[Prediction, tuple[Score, ...]] | ExplainError]:
        """`answer` for several encoded questions that can be rows of one batch (`models.joint.batches`), in one pass where the task can.

        A question that cannot be answered has the error that says why in its place. The pass runs under what a method wants of it
        (`Method.under`).
        """
        return self.task.answer_many(self, encodings, questions, recording=recording, differentiable=differentiable, under=under)

    def ask(self, question: str | Question) -> tuple[Prediction, tuple[Score, ...]]:
        """`encode` and `answer` in one."""
        return self.answer(self.encode(question), question)


def _placed(question: Question, text: str) -> tuple[Span, ...]:
    """The spans of a question in the text as the model reads it, which may have something before what was typed.

    Raises:
        InputError: A span lies outside the text, or the model reads another text than was typed.
    """
    spans: Sequence[Span] = question.spans or ()  # type: ignore[assignment]
    ahead = text.find(question.text)
    if ahead < 0:
        raise InputError(f"The model reads {text!r:.200}, in which the spans of the typed text have other places. Type it so.")
    for span in spans:
        if span.message is not None:
            raise InputError(f"A span of message {span.message} was given, but there are no messages. Leave the message out.")
        if span.end > len(question.text):
            raise InputError(f"The span {span.start} to {span.end} lies outside the text, which has {len(question.text)} characters.")
    return tuple(replace(span, start=span.start + ahead, end=span.end + ahead) for span in spans)
