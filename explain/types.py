"""What flows through the house before there are results: the question, tokens, targets, and the text as the model reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from explain.errors import InputError
from explain.messages import Document, Message, Span, parts_of, plain, without_overlap

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float64]


def listed(values: Array) -> Any:
    """An array as nested lists for JSON, with `None` for NaN."""
    known = values.astype(object)
    known[np.isnan(values)] = None
    return known.tolist()


class Unit(StrEnum):
    """The unit in which the explained score is measured."""

    LOGIT = "logit"
    LOG_PROBABILITY = "log_probability"
    PROBABILITY = "probability"


class Family(StrEnum):
    """Whether a method reads the model's internals or asks it from outside."""

    INTERNAL = "internal"
    EXTERNAL = "external"


class Segment(StrEnum):
    """Whether a token belongs to the text that was given or to the output that the model continues."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True)
class Token:
    """One token that the model reads.

    Attributes:
        text: The characters of the text it stands for, without leading white space; empty for special tokens and for the
            second and later pieces of one character.
        before: The characters between the previous token and this one, usually a space or nothing.
        piece: The tokenizer's raw vocabulary entry.
        id: Its vocabulary index.
        start: First character in the text (0-based).
        end: One past its last character; equal to `start` for special tokens.
        special: Whether the tokenizer or the task added it, or it is one of the tokenizer's special tokens.
        segment: Input text or output prefix.
        role: In a chat, whose message it belongs to; empty for what the template adds.
    """

    text: str
    before: str
    piece: str
    id: int
    start: int
    end: int
    special: bool
    segment: Segment = Segment.INPUT
    role: str = ""

    @property
    def label(self) -> str:
        """What a view shows: the text, `⏎` or `␣` for white space alone, a special token's piece, or `…` for a character's next byte."""
        return self.text or "⏎" * self.before.count("\n") or "␣" * bool(self.before) or (self.piece if self.special else "…")


@dataclass(frozen=True)
class Question:
    """What is asked about a text or a chat; whoever asks a model asks it with this, from the page to the command line.

    Attributes:
        text: What a person typed; empty for a chat.
        target: Label, token, index or output text; `None` for the model's own prediction. In a chat, the answer to explain.
        foil: What the target is contrasted with; `None` for no contrast.
        unit: "logit", "log_probability" or "probability"; `None` for the task's default.
        position: Which mask or blank, from 0; `None` for the first.
        step: Which output token of a sequence task, from 0; `None` for all of them.
        span: A passage of the output that is explained as one: its words, or its characters [start, end); `None` for all of it.
        messages: A chat, as `Message`s or mappings with role and content, kept as a tuple.
        documents: What the answer may rest on, as `Document`s or mappings with text and title, kept as a tuple.
        spans: Parts of the text that come and go together or are summed to where segments are "spans", kept as a tuple.
    """

    text: str = ""
    target: str | int | None = None
    foil: str | int | None = None
    unit: Unit | str | None = None
    position: int | None = None
    step: int | None = None
    span: str | tuple[int, int] | None = None
    messages: Iterable[Message | Mapping[str, Any]] | None = None
    documents: Iterable[Document | Mapping[str, Any]] | None = None
    spans: Iterable[Span | Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.span, list):
            object.__setattr__(self, "span", tuple(self.span))
        for name, kind in (("messages", Message), ("documents", Document), ("spans", Span)):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, parts_of(kind, given, where=name))
        if self.spans is not None:
            without_overlap(self.spans)  # type: ignore[arg-type]
        if self.messages is not None and self.text:
            raise InputError("A text and messages were given. Give one of them.")
        if self.messages is None and self.documents is not None:
            raise InputError("Documents were given without messages. Give the question that they are to answer as messages.")

    @classmethod
    def of(cls, asked: Asked, **common: Any) -> Question:
        """A question from a text or messages, or one that leaves open what `common` says: what it says itself comes first."""
        own = asked.given if isinstance(asked, Question) else {"text" if isinstance(asked, str) else "messages": asked}
        return cls(**{**{name: value for name, value in common.items() if value is not None}, **own})

    @property
    def given(self) -> dict[str, Any]:
        """What is not left open, by name."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in values.items() if value is not None and (name != "text" or self.messages is None)}

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON: the text, and what is not left open."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in {"text": self.text, **self.given}.items()}
        for name in {"messages", "documents", "spans"} & set(values):
            values[name] = [plain(part) for part in values[name]]
        return values


Asked = str | Question | Iterable[Message | Mapping[str, Any]]
"""A question, or what one is made of: a text, or the messages of a chat."""


@dataclass(frozen=True)
class Target:
    """Something that the model can say at the explained position: a label or a vocabulary entry.

    Attributes:
        index: Label or vocabulary index.
        text: What a person reads.
        logit: The model's raw output.
        probability: Softmax (sigmoid for multi-label heads) of the logits; `None` where the model gives no probability.
    """

    index: int
    text: str
    logit: float
    probability: float | None


@dataclass(frozen=True)
class Encoding:
    """A text as the model reads it.

    Attributes:
        text: The text, with the tokenizer's own mask or sentinel in place of what a person typed for it.
        tokens: Input tokens, then the tokens of the output prefix of an encoder-decoder.
        inputs: The model's arguments; every tensor is [1, length].
        position: Index of the explained position: in the input for masked LM and next token, in the decoder's input for
            encoder-decoders, `None` where the head decides itself (classification, embedding).
        position_text: How a person refers to the position, for titles.
        mirrored: The decoder reads the input again, shifted by one (sequence classification heads of encoder-decoders).
        output: For sequence tasks, the vocabulary indices of the whole output; the model reads all but the last of them.
        vector: For the embedding task, the pooled vector [d] of the text.
        spans: Parts of the text that have a name: messages, documents and those that were given.
        steps: How many positions up to `position` are explained together, for a passage of an output.
    """

    text: str
    tokens: tuple[Token, ...]
    inputs: Mapping[str, torch.Tensor]
    position: int | None = None
    position_text: str = ""
    mirrored: bool = False
    output: tuple[int, ...] = ()
    vector: torch.Tensor | None = None
    spans: tuple[Span, ...] = ()
    steps: int = 1

    def __post_init__(self) -> None:
        read = self.inputs["input_ids"].shape[1] + (self.inputs["decoder_input_ids"].shape[1] if self.has_prefix else 0)
        if read != len(self.tokens):
            raise ValueError(f"The model reads {read} tokens but {len(self.tokens)} are described.")

    @property
    def has_prefix(self) -> bool:
        return "decoder_input_ids" in self.inputs

    @property
    def input_length(self) -> int:
        return int(self.inputs["input_ids"].shape[1])

    @property
    def direction(self) -> torch.Tensor | None:
        """For the embedding task, the unit vector [d] on which pooled vectors are projected."""
        return None if self.vector is None else self.vector / self.vector.norm(dim=-1, keepdim=True)

    def batch(self, rows: int = 1) -> tuple[dict[str, torch.Tensor], torch.Tensor | None]:
        """The model's arguments as equal rows [rows, length], and the explained position of each [rows]."""
        inputs = {name: tensor.expand(rows, -1) for name, tensor in self.inputs.items()}
        return inputs, None if self.position is None else self.inputs["input_ids"].new_full((rows,), self.position)


@dataclass(frozen=True)
class Prediction:
    """What the model says.

    Attributes:
        task: The task's name.
        candidates: Labels or vocabulary entries at the explained position, most probable first.
        text: The generated or given output of a sequence task, else the first candidate's text.
        steps: For a sequence task, each token of the output with its probability given those before it.
        embedding: For the embedding task, the pooled vector.
    """

    task: str
    candidates: tuple[Target, ...]
    text: str
    steps: tuple[Target, ...] = ()
    embedding: Array | None = None

    def to_dict(self) -> dict[str, Any]:
        result: dict[str, Any] = {
            "task": self.task,
            "text": self.text,
            "candidates": [vars(candidate) for candidate in self.candidates],
        }
        if self.steps:
            result["steps"] = [vars(step) for step in self.steps]
        if self.embedding is not None:
            result["embedding"] = self.embedding.tolist()
        return result
