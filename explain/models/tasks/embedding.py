"""Embedding: which tokens give the text's vector its direction?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from explain.errors import TargetError
from explain.models import architectures
from explain.models.instrumented import InstrumentedModel
from explain.models.tasks.task import Task, at_least_single, encode_input
from explain.types import Encoding, Prediction, Question, Target, Unit


class Embedding(Task):
    """A model without a head: the mean of its last hidden states, projected on the direction it has for the text itself.

    The score of the text is the norm of its own vector; a changed text scores the component that still points the same way.
    """

    name = "embedding"
    title = "Embedding"
    intro = "Which tokens give the text's vector its direction?"
    asks = {}
    auto_classes = ("AutoModel",)
    heads = ("embedding", "masked_lm", "classification", "next_token", "generation")
    units = (Unit.LOGIT,)

    def encode(self, model: InstrumentedModel, question: Question) -> Encoding:
        encoding = encode_input(model, question.text)
        with torch.no_grad():
            return replace(encoding, vector=pooled(model, dict(encoding.inputs))[0])

    def logits(self, model: InstrumentedModel, encoding: Encoding, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        if encoding.direction is None:
            raise ValueError("This encoding was not made by the embedding task.")
        along: Tensor = torch.linalg.vecdot(pooled(model, inputs), encoding.direction)
        return along.unsqueeze(-1)  # [B, 1]

    def prediction(self, model: InstrumentedModel, encoding: Encoding, logits: Tensor) -> Prediction:
        if encoding.vector is None:
            raise ValueError("This encoding was not made by the embedding task.")
        candidate = Target(0, self.candidate_text(model, 0), float(encoding.vector.norm()), None)
        return Prediction(self.name, (candidate,), candidate.text, embedding=np.asarray(encoding.vector.cpu(), dtype=np.float64))

    def target(self, model: InstrumentedModel, logits: Tensor, given: str | int) -> Target:
        raise TargetError("An embedding has no labels: leave target and foil out. The text's own direction is explained.")

    def candidate_text(self, model: InstrumentedModel, index: int) -> str:
        return "own direction"


def pooled(model: InstrumentedModel, inputs: dict[str, Tensor]) -> Tensor:
    """Mean [B, d] of the last hidden states over the tokens that are attended to; of the encoder for an encoder-decoder."""
    base = model.model.base_model
    trunk = base.get_encoder() if architectures.is_encoder_decoder(model.model) else base
    hidden: Tensor = at_least_single(trunk(**inputs).last_hidden_state)  # [B, n, d]
    mask = inputs.get("attention_mask")
    weights = torch.ones_like(hidden[..., :1]) if mask is None else mask.unsqueeze(-1).to(hidden)
    return (hidden * weights).sum(1) / weights.sum(1)
