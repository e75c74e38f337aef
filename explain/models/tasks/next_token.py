"""Next token: which tokens made a causal language model continue so?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from explain.models.tasks.task import VocabularyTask, at, encode_input
from explain.types import Encoding, Unit

if TYPE_CHECKING:
    from explain.models.explained_model import ExplainedModel


class NextToken(VocabularyTask):
    """The token after the text. Log-probability comes first: raw logits of causal models are often all negative."""

    name = "next_token"
    title = "Next token"
    auto_classes = ("AutoModelForCausalLM",)
    units = (Unit.LOG_PROBABILITY, Unit.LOGIT, Unit.PROBABILITY)

    def needed(self, model: ExplainedModel, text: str) -> tuple[int, int]:
        return len(text), len(text)

    def encode(self, model: ExplainedModel, text: str, *, position: int | None, output: str | None) -> Encoding:
        encoding = encode_input(model, text)
        return at(encoding, len(encoding.tokens) - 1, "next token")
