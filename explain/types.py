"""What flows through the house: frozen dataclasses whose shapes are checked when they are made.

Scores are float64 numpy arrays, positive towards the target and negative away from it, never normalised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

if TYPE_CHECKING:
    import pandas as pd

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
    """

    text: str
    before: str
    piece: str
    id: int
    start: int
    end: int
    special: bool
    segment: Segment = Segment.INPUT

    @property
    def label(self) -> str:
        """What a view shows: the text, the piece of a special token, or `…` for a further byte of a character."""
        return self.text or (self.piece if self.special else "…")


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
        direction: For the embedding task, the unit vector [d] on which pooled vectors are projected.
    """

    text: str
    tokens: tuple[Token, ...]
    inputs: Mapping[str, torch.Tensor]
    position: int | None = None
    position_text: str = ""
    mirrored: bool = False
    output: tuple[int, ...] = ()
    direction: torch.Tensor | None = None

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


@dataclass(frozen=True)
class Question:
    """What is to be explained: why `target` (rather than `foil`) at the encoding's position, in `unit`."""

    encoding: Encoding
    target: Target
    foil: Target | None
    unit: Unit


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


@dataclass(frozen=True)
class Attribution:
    """The result of one method.

    Attributes:
        method: The method's name.
        family: Internal or external.
        signed: Whether negative scores (away from the target) can occur.
        target_blind: Whether the scores do not depend on the target.
        tokens: All tokens the model read, special tokens included.
        scores: [len(tokens)] float64.
        target: What is explained.
        foil: What it is contrasted with.
        unit: Unit of `output`, and of the scores where the method is in units of the score.
        output: The explained score on the text.
        baseline_output: The explained score on the method's baseline, for complete methods.
        seconds: Wall-clock time.
        passes: Rows sent forward through the model (a gradient pass counts as one).
        gap: |sum(scores) - (output - baseline_output)| relative to |output - baseline_output|, for complete methods.
        tolerance: The largest gap asked for.
        step_scores: [outputs, len(tokens)] for sequence tasks; `scores` is its sum.
        positions: The queries that are explained, for methods that read attention.
        maps: Named raw arrays a view can draw, e.g. "self" -> [layers, heads, queries, keys].
        options: The options the method ran with.
    """

    method: str
    family: Family
    signed: bool
    target_blind: bool
    tokens: tuple[Token, ...]
    scores: Array
    target: Target
    foil: Target | None
    unit: Unit
    output: float
    seconds: float
    passes: int
    baseline_output: float | None = None
    gap: float | None = None
    tolerance: float | None = None
    step_scores: Array | None = None
    positions: tuple[int, ...] = ()
    maps: Mapping[str, Array] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.scores.shape != (len(self.tokens),) or self.scores.dtype != np.float64:
            raise ValueError(f"{self.method}: {len(self.tokens)} float64 scores expected, got {self.scores.dtype} {self.scores.shape}.")
        if not np.isfinite(self.scores).all():
            raise ValueError(f"{self.method}: the scores are not finite.")
        if self.step_scores is not None and self.step_scores.shape[1:] != self.scores.shape:
            raise ValueError(f"{self.method}: step scores {self.step_scores.shape} do not fit {self.scores.shape}.")

    @property
    def within_tolerance(self) -> bool:
        """Whether the numerical error is as small as asked (true for methods that have none)."""
        return self.gap is None or self.tolerance is None or self.gap <= self.tolerance

    def to_dict(self, *, maps: bool = False) -> dict[str, Any]:
        """Plain Python for JSON; raw arrays such as attention weights only with `maps`."""
        result: dict[str, Any] = {
            "method": self.method,
            "family": self.family.value,
            "signed": self.signed,
            "target_blind": self.target_blind,
            "tokens": [token.label for token in self.tokens],
            "scores": self.scores.tolist(),
            "target": vars(self.target),
            "foil": None if self.foil is None else vars(self.foil),
            "unit": self.unit.value,
            "output": self.output,
            "baseline_output": self.baseline_output,
            "gap": self.gap,
            "tolerance": self.tolerance,
            "within_tolerance": self.within_tolerance,
            "seconds": self.seconds,
            "passes": self.passes,
            "options": dict(self.options),
        }
        if self.step_scores is not None:
            result["step_scores"] = self.step_scores.tolist()
        if maps:
            result["maps"] = {name: values.tolist() for name, values in self.maps.items()}
        return result


@dataclass(frozen=True)
class Explanation:
    """All that was found about one text: the prediction and one attribution per method."""

    model: str
    task: str
    text: str
    tokens: tuple[Token, ...]
    prediction: Prediction
    target: Target
    foil: Target | None
    unit: Unit
    attributions: tuple[Attribution, ...]
    outputs: tuple[Target, ...] = ()

    def __getitem__(self, method: str) -> Attribution:
        for attribution in self.attributions:
            if attribution.method == method:
                return attribution
        raise KeyError(f"No method {method!r} in this explanation; it has {', '.join(a.method for a in self.attributions)}.")

    def __iter__(self) -> Iterator[Attribution]:
        return iter(self.attributions)

    def to_dict(self, *, maps: bool = False) -> dict[str, Any]:
        """Plain Python for JSON: text, tokens with offsets, prediction, target, foil, unit and every method's scores."""
        return {
            "model": self.model,
            "task": self.task,
            "text": self.text,
            "tokens": [{**vars(token), "segment": token.segment.value, "label": token.label} for token in self.tokens],
            "prediction": self.prediction.to_dict(),
            "target": vars(self.target),
            "foil": None if self.foil is None else vars(self.foil),
            "unit": self.unit.value,
            "outputs": [vars(output) for output in self.outputs],
            "methods": {a.method: a.to_dict(maps=maps) for a in self.attributions},
        }

    def to_frame(self) -> pd.DataFrame:
        """One row per token, one column per method, with the token's text, offsets and whether it is special."""
        import pandas as pd

        columns: dict[str, Any] = {
            "token": [token.label for token in self.tokens],
            "start": [token.start for token in self.tokens],
            "end": [token.end for token in self.tokens],
            "special": [token.special for token in self.tokens],
            "segment": [token.segment.value for token in self.tokens],
        }
        return pd.DataFrame(columns | {a.method: a.scores for a in self.attributions})
