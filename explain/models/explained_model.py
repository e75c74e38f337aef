"""A loaded model with its tokenizer and task: what every method talks to."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from explain.errors import InputError, TextTooLongError
from explain.models import architectures, instrumentation
from explain.models.architectures import AttentionSite
from explain.models.instrumentation import AttentionProbe
from explain.models.score import Score
from explain.types import Encoding, Prediction, Question, Target, Token

if TYPE_CHECKING:
    from explain.models.tasks.task import Task

TOKENS_PER_BATCH = 768


class _LastOutput(AttentionProbe):
    """Cuts the graph at every attention call, so that only what follows the last one remains."""

    def __init__(self) -> None:
        self.outputs: list[Tensor] = []

    def output(self, site: AttentionSite, output: Tensor) -> Tensor:
        self.outputs.append(output.detach().requires_grad_())
        return self.outputs[-1]


class ExplainedModel:
    """A transformers model, instrumented, that answers one task.

    Args:
        model: Any transformers model that the task supports. It is put in evaluation mode until `close`.
        tokenizer: Its fast tokenizer.
        task: What the model is asked.
        name: How it is called in results.
        revision: The commit it was loaded from, for the record.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, task: Task, *, name: str = "", revision: str | None = None
    ) -> None:
        task.check(model, tokenizer)
        self.model = model
        self.tokenizer = tokenizer
        self.task = task
        self.name = name or getattr(model, "name_or_path", "") or type(model).__name__
        self.revision = revision
        self.maximum_length = architectures.maximum_length(model, tokenizer)
        self.instruments = instrumentation.instrument(model)
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leave the model as it was before; closing twice does nothing."""
        if self._open:
            self._open = False
            instrumentation.release(self.model)

    @property
    def device(self) -> torch.device:
        """Where the input embedding lives, and so where inputs go."""
        return architectures.device_of(self.instruments.architecture.embedding)

    @property
    def independent_labels(self) -> bool:
        """Whether each label has a probability of its own (sigmoid) instead of a share of one."""
        config = self.model.config
        if self.task.name != "classification":
            return False
        return bool(config.problem_type == "multi_label_classification" or config.num_labels == 1)

    @property
    def attention_groups(self) -> dict[str, int]:
        """Layers of each attention group; empty if this model hides its attention."""
        return self.instruments.architecture.groups

    def rows_per_batch(self, length: int) -> int:
        """How many rows of this length go through the model at once."""
        return max(1, TOKENS_PER_BATCH // max(1, length))

    def check_length(self, tokens: int) -> None:
        if self.maximum_length is not None and tokens > self.maximum_length:
            raise TextTooLongError(
                f"The text has {tokens} tokens, but {self.name} reads at most {self.maximum_length}. "
                f"Shorten it by at least {tokens - self.maximum_length} tokens.",
                tokens=tokens,
                limit=self.maximum_length,
            )

    def encode(self, text: str, *, position: int | None = None, output: str | None = None) -> Encoding:
        """The text as the model reads it.

        Args:
            text: What a person typed.
            position: Which mask or sentinel is meant (0-based), where there may be several.
            output: For sequence tasks, the output to explain instead of the model's own.

        Raises:
            InputError: The text is empty or lacks what the task needs.
            TextTooLongError: It has more tokens than the model reads.
        """
        if not text.strip():
            raise InputError("The text is empty. Type a sentence to explain.")
        return self.task.encode(self, text, position=position, output=output)

    def predict(self, encoding: Encoding) -> Prediction:
        with torch.no_grad():
            return self.task.predict(self, encoding)

    def score(self, question: Question) -> Score:
        return Score(self, question)

    def embed(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Embeddings [B, tokens, d] of the input and, for an encoder-decoder, of the output prefix after it."""
        architecture = self.instruments.architecture
        with torch.no_grad():
            parts = [architecture.embedding(inputs["input_ids"].to(self.device))]
            if architecture.decoder_embedding is not None and "decoder_input_ids" in inputs:
                parts.append(architecture.decoder_embedding(inputs["decoder_input_ids"].to(self.device)).to(parts[0]))
            return torch.cat(parts, dim=1)

    def read_positions(self, question: Question) -> tuple[int, ...]:
        """The positions whose last hidden state decides the score.

        Where the head chooses by itself ([CLS], the last token, all of them) they are those with a gradient at the output of the last
        attention call, after which nothing mixes positions.
        """
        encoding = question.encoding
        if encoding.position is not None:
            return (encoding.position,)
        probe = _LastOutput()
        with torch.enable_grad(), self.instruments.attention(probe):
            score = self.score(question).of_rows(dict(encoding.inputs), None)
        gradient = torch.autograd.grad(score.sum(), probe.outputs[-1])[0][0]  # [n, heads, d]
        read = gradient.flatten(1).abs().sum(-1).nonzero().flatten().tolist()
        return tuple(read) or tuple(range(gradient.shape[0]))

    def target(self, encoding: Encoding, prediction: Prediction, given: str | int | None) -> Target:
        """What a label, token or index means here; `None` is the most probable candidate.

        Raises:
            TargetError: The model cannot say it.
        """
        return prediction.candidates[0] if given is None else self.task.target(self, encoding, given)

    def text_tokens(self, encoding: Encoding) -> tuple[Token, ...]:
        return tuple(token for token in encoding.tokens if not token.special)
