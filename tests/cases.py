"""A tiny model that is open for explaining, as many tests take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo import Tiny

    from explain import TokenExplainer
    from explain.models.explained_model import ExplainedModel
    from explain.models.score import Score

CASES = (
    "bert-masked",
    "bert-class",
    "bert-embed",
    "gpt2-next",
    "gpt2-generation",
    "t5-span",
    "t5-generation",
    "t5-class",
    "t5-labels",
    "t5-embed",
    "bart-generation",
    "bart-class",
)


@dataclass
class Case:
    """A tiny model and its explainer, and what is explained of its text."""

    made: Tiny
    explainer: TokenExplainer

    @property
    def model(self) -> ExplainedModel:
        return self.explainer.model

    def scores(self, **asked: Any) -> tuple[Score, ...]:
        """One for each output token of a sequence task, else one."""
        return self.explainer.ask(self.made.text, **asked).scores

    def score(self, **asked: Any) -> Score:
        """The last of them."""
        return self.scores(**asked)[-1]
