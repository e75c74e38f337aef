"""Text classification, by a sequence classification head or, for text-to-text models, by label words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from explain.errors import TargetError, UnsupportedError
from explain.models import architectures
from explain.models.instrumented import InstrumentedModel
from explain.models.tasks.task import FOIL, UNIT, Task, at_least_single, encode_input
from explain.types import Encoding, Question, Target

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Classification(Task):
    """A model with a sequence classification head."""

    name = "classification"
    title = "Classification"
    intro = "Which tokens made the model give this label?"
    asks = {"target": "Label to explain", "foil": FOIL, "unit": UNIT}
    auto_classes = ("AutoModelForSequenceClassification",)
    heads = ("classification", "generation")

    @classmethod
    def make(cls, own: str, *, labels: Sequence[str] = (), prefix: str | None = None) -> Task:
        return LabelWords(tuple(labels), prefix) if own == "generation" else cls()

    @classmethod
    def auto_class(cls, heads: Sequence[str]) -> str:
        return cls.auto_classes[0] if cls.heads[0] in heads else LabelWords.auto_classes[0]

    def label_names(self, model: PreTrainedModel) -> list[str]:
        """The labels in the order of the head's outputs."""
        names: dict[int, str] = model.config.id2label
        return [names.get(index, f"LABEL_{index}") for index in range(model.config.num_labels)]

    def independent(self, model: InstrumentedModel) -> bool:
        config = model.model.config
        return bool(config.problem_type == "multi_label_classification" or config.num_labels == 1)

    def one_by_one(self, model: InstrumentedModel) -> bool:
        """A causal classifier finds the end of each text by its padding: without any it takes one text at a time."""
        return model.model.config.pad_token_id is None and not architectures.is_encoder_decoder(model.model)

    def candidate_text(self, model: InstrumentedModel, index: int) -> str:
        return self.label_names(model.model)[index]

    def target(self, model: InstrumentedModel, logits: Tensor, given: str | int) -> Target:
        labels = self.label_names(model.model)
        index = given if isinstance(given, int) else next((i for i, n in enumerate(labels) if n.lower() == given.strip().lower()), -1)
        if not 0 <= index < len(labels):
            raise TargetError(f"{given!r} is not a label of {model.name}. Choose one of: {', '.join(labels)}.")
        return self.describe(model, logits, index)

    def encode(self, model: InstrumentedModel, question: Question) -> Encoding:
        return replace(encode_input(model, question.text), mirrored=architectures.is_encoder_decoder(model.model))

    def logits(self, model: InstrumentedModel, encoding: Encoding, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        mask = inputs.get("attention_mask")
        if encoding.mirrored and mask is not None and not mask.all():
            # The decoder reads the text again, one place later: what is hidden there is hidden here.
            inputs = {**inputs, "decoder_attention_mask": torch.cat([torch.ones_like(mask[:, :1]), mask[:, :-1]], dim=1)}
        if self.one_by_one(model):
            rows = [{name: tensor[row : row + 1] for name, tensor in inputs.items()} for row in range(len(inputs["input_ids"]))]
            return at_least_single(torch.cat([model.model(**row).logits for row in rows]))
        logits: Tensor = model.model(**inputs).logits
        return at_least_single(logits)


@dataclass(frozen=True)
class LabelWords(Classification):
    """A text-to-text model that answers with a label's word: its logit is the word's log-probability (Raffel et al., 2020).

    Attributes:
        labels: The label words; those of the configuration if empty.
        prefix: What the model was trained to see before the text, such as "sst2 sentence: "; its tokens count as special.
    """

    auto_classes = ("AutoModelForSeq2SeqLM",)
    labels: tuple[str, ...] = ()
    prefix: str | None = None

    def check(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        names = self.label_names(model)
        if len(names) < 2 or all(name == f"LABEL_{i}" for i, name in enumerate(names)):
            raise UnsupportedError(
                "This text-to-text model names no labels. Give the words it answers with: labels=('negative', 'positive'), "
                "and the prefix it expects: prefix='sst2 sentence: '."
            )
        architectures.decoder_start(model)

    def label_names(self, model: PreTrainedModel) -> list[str]:
        return list(self.labels) or super().label_names(model)

    def encode(self, model: InstrumentedModel, question: Question) -> Encoding:
        known = (getattr(model.model.config, "task_specific_params", None) or {}).get("classification", {})
        prefix = known.get("prefix", "") if self.prefix is None else self.prefix
        encoding = encode_input(model, prefix + question.text)
        instruction = len(prefix.rstrip())
        tokens = tuple(replace(token, special=token.special or token.end <= instruction) for token in encoding.tokens)
        return replace(encoding, tokens=tokens, position=0, position_text="answer")

    def logits(self, model: InstrumentedModel, encoding: Encoding, inputs: dict[str, Tensor], positions: Tensor | None) -> Tensor:
        ids = [model.tokenizer(label, add_special_tokens=False)["input_ids"] for label in self.label_names(model.model)]
        start = architectures.decoder_start(model.model)
        rows = inputs["input_ids"].shape[0]
        encoded = model.model.base_model.get_encoder()(inputs["input_ids"], attention_mask=inputs.get("attention_mask"))
        answers: dict[tuple[int, ...], Tensor] = {}
        columns = []
        for label in ids:
            read = (start, *label[:-1])
            if read not in answers:
                decoder_ids = torch.tensor([read], device=model.device).expand(rows, -1)
                outputs = model.model(
                    encoder_outputs=encoded, attention_mask=inputs.get("attention_mask"), decoder_input_ids=decoder_ids, use_cache=False
                )
                answers[read] = at_least_single(outputs.logits).log_softmax(-1)  # [B, pieces, vocabulary]
            pieces = torch.arange(len(label), device=model.device)
            columns.append(answers[read][:, pieces, torch.tensor(label, device=model.device)].sum(-1))
        return torch.stack(columns, dim=-1)
