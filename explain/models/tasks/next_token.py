"""Next token: which tokens made a causal language model continue so?"""

from __future__ import annotations

from explain.models.instrumented import InstrumentedModel
from explain.models.tasks.chat import encode_question, messages_of
from explain.models.tasks.task import FOIL, UNIT, at
from explain.models.tasks.vocabulary import VocabularyTask
from explain.types import Encoding, Question, Unit


class NextToken(VocabularyTask):
    """The token after the text; in a chat the first of the answer, or what follows an answer that has begun.

    Log-probability comes first: raw logits of causal models are often all negative.
    """

    name = "next_token"
    title = "Next token"
    intro = "Which tokens made the model continue so?"
    text_label = "Text to continue"
    asks = {"target": "Token to explain", "foil": FOIL, "unit": UNIT}
    auto_classes = ("AutoModelForCausalLM",)
    heads = ("next_token",)
    chats = True
    units = (Unit.LOG_PROBABILITY, Unit.LOGIT, Unit.PROBABILITY)

    def needed(self, model: InstrumentedModel, text: str) -> tuple[int, int]:
        return len(text), len(text)

    def encode(self, model: InstrumentedModel, question: Question) -> Encoding:
        last = [message.role for message in messages_of(question)[-1:]]
        encoding = encode_question(model, question, continued=last == ["assistant"])
        return at(encoding, len(encoding.tokens) - 1, "next token")
