"""A loaded model with its tokenizer and instruments: what tasks and scores talk to."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from explain.errors import TextTooLongError
from explain.models import architectures, instrumentation
from explain.models.memory import rows_at_once

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class InstrumentedModel:
    """A transformers model that lets itself be looked into, whatever it is asked.

    Args:
        model: Any transformers model. It is put in evaluation mode until `close`.
        tokenizer: Its fast tokenizer.
        name: How it is called in results.
        revision: The commit it was loaded from, for the record.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, name: str = "", revision: str | None = None) -> None:
        self.model = model
        self.tokenizer = tokenizer
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
    def attention_groups(self) -> dict[str, int]:
        """Layers of each attention group; empty if this model hides its attention."""
        return self.instruments.architecture.groups

    def rows_per_batch(self, length: int) -> int:
        """How many rows of this length go through the model at once."""
        return rows_at_once(self, length)

    def check_length(self, tokens: int) -> None:
        """Raises TextTooLongError where the model reads fewer tokens."""
        if self.maximum_length is not None and tokens > self.maximum_length:
            raise TextTooLongError(
                f"The text has {tokens} tokens, but {self.name} reads at most {self.maximum_length}. "
                f"Shorten it by at least {tokens - self.maximum_length} tokens.",
                tokens=tokens,
                limit=self.maximum_length,
            )

    def embed(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Embeddings [B, tokens, d] of the input and, for an encoder-decoder, of the output prefix after it."""
        architecture = self.instruments.architecture
        with torch.no_grad():
            parts = [architecture.embedding(inputs["input_ids"].to(self.device))]
            if architecture.decoder_embedding is not None and "decoder_input_ids" in inputs:
                parts.append(architecture.decoder_embedding(inputs["decoder_input_ids"].to(self.device)).to(parts[0]))
            return torch.cat(parts, dim=1)
