"""The contract of a method, and the fields that are its options.

A method is a frozen dataclass: its fields are its options, made with `option`, from which the interface builds widgets and the
endpoints check what they are given. Its class attributes say what it is.
"""

from __future__ import annotations

import dataclasses
import time
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch

from explain.errors import ExplainError, InputError, StoppedError, UnsupportedError
from explain.methods.option import Option, described
from explain.models.instrumented import InstrumentedModel
from explain.models.interruption import attempt
from explain.models.memory import passes_written_out
from explain.models.reading import Under
from explain.models.score import Score
from explain.results import Attribution
from explain.types import Array, Family


@dataclass(frozen=True)
class MethodResult:
    """What a method found; all else of an `Attribution` is known without it.

    Attributes:
        scores: One per read token [n].
        output: The explained score on the text, where the method measured it itself.
        baseline_output: The explained score on the method's baseline, for complete methods.
        gap: The relative numerical error.
        tolerance: The largest gap asked for.
        positions: The queries that are explained, for methods that read attention.
        maps: Named raw arrays a view can draw.
        caution: What the method's own caution does not say, about this result.
    """

    scores: Array | torch.Tensor
    output: float | None = None
    baseline_output: float | None = None
    gap: float | None = None
    tolerance: float | None = None
    positions: tuple[int, ...] = ()
    maps: Mapping[str, Array] = field(default_factory=dict)
    caution: str = ""


@dataclass(frozen=True)
class Method(ABC):
    """One way of scoring the tokens of a text.

    Class attributes:
        name: Its public name.
        title: What a person reads.
        summary: What it computes, in one sentence.
        caution: What its scores do not tell, in one sentence.
        reference: The paper.
        family: Internal or external.
        signed: Whether scores can be negative.
        complete: Whether the scores sum to a known difference of the explained score.
        target_blind: Whether the scores are the same for every target.
        needs_attention: Whether the model must let its attention be seen.
        reads_trace: Whether it reads what the model computed in its plain pass, which then is recorded once for all.
        reads_gradient: Whether it reads the plain gradient at the embeddings, which then is taken from the pass of the prediction.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    caution: ClassVar[str]
    reference: ClassVar[str]
    family: ClassVar[Family]
    signed: ClassVar[bool]
    complete: ClassVar[bool] = False
    target_blind: ClassVar[bool] = False
    needs_attention: ClassVar[bool] = False
    reads_trace: ClassVar[bool] = False
    reads_gradient: ClassVar[bool] = False

    @abstractmethod
    def compute(self, score: Score) -> MethodResult | Array | torch.Tensor:
        """A number for every token that the model reads [n], alone or with what else was found."""

    def compute_many(self, scores: Sequence[Score]) -> Sequence[MethodResult | Array | torch.Tensor]:
        """`compute` for several scores that can be rows of one batch (`models.joint`); in turn, unless a method knows better."""
        return [self.compute(score) for score in scores]

    def attribute(self, score: Score) -> Attribution:
        """Check, compute, time and count: the method's result for one explained score.

        Raises:
            UnsupportedError: This model cannot be explained in this way.
        """
        self.check(score.model)
        self.prepare()
        started = time.perf_counter()
        score = score.recounted()
        return self._attribution(score, self.compute(score), started)

    def attribute_many(self, scores: Sequence[Score]) -> list[Attribution | ExplainError]:
        """`attribute` for several scores that can be rows of one batch; their time is shared equally.

        A score that cannot be explained has the error that says why in its place.
        """
        if len(scores) < 2:
            return [attempt(partial(self.attribute, score)) for score in scores]
        try:
            self.check(scores[0].model)
            self.prepare()
            started = time.perf_counter()
            counted = [score.recounted() for score in scores]
            found = self.compute_many(counted)
        except StoppedError:
            raise
        except ExplainError:  # whose it is shows when each is explained alone
            return [attempt(partial(self.attribute, score)) for score in scores]
        return [attempt(partial(self._attribution, *pair, started, len(scores))) for pair in zip(counted, found, strict=True)]

    def _attribution(self, score: Score, found: MethodResult | Array | torch.Tensor, started: float, shared: int = 1) -> Attribution:
        if not isinstance(found, MethodResult):
            found = MethodResult(found)
        scores = found.scores
        if isinstance(scores, torch.Tensor):
            scores = scores.detach().cpu().numpy()
        scores = np.asarray(scores, dtype=np.float64)
        if not np.isfinite(scores).all():
            raise UnsupportedError(f"{self.title} gives no finite numbers here. A model in half precision may need float32.")
        return Attribution(
            method=self.name,
            title=self.title,
            summary=self.summary,
            caution=f"{self.caution} {found.caution}".rstrip(),
            family=self.family,
            signed=self.signed,
            target_blind=self.target_blind,
            tokens=score.encoding.tokens,
            scores=scores,
            target=score.target,
            foil=score.foil,
            unit=score.unit,
            output=score.value() if found.output is None else found.output,
            baseline_output=found.baseline_output,
            gap=found.gap,
            tolerance=found.tolerance,
            positions=found.positions,
            maps=found.maps,
            options=self.options,
            passes=score.passes,
            seconds=(time.perf_counter() - started) / shared,
        )

    @classmethod
    def option_fields(cls) -> tuple[Option, ...]:
        hints = typing.get_type_hints(cls)
        return tuple(described(item, hints[item.name]) for item in dataclasses.fields(cls))

    @classmethod
    def with_options(cls, given: Mapping[str, Any]) -> Self:
        """The method with options from plain values, checked.

        Raises:
            InputError: An option is unknown, has the wrong type or lies outside its bounds.
        """
        known = {field.name: field for field in cls.option_fields()}
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise InputError(f"{cls.name} has no option {unknown[0]!r}. It has: {', '.join(known) or 'none'}.")
        return cls(**{name: known[name].parse(cls.name, value) for name, value in given.items()})

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """What the method is, for a catalog."""
        return {
            "name": cls.name,
            "title": cls.title,
            "family": cls.family.value,
            "signed": cls.signed,
            "complete": cls.complete,
            "target_blind": cls.target_blind,
            "summary": cls.summary,
            "caution": cls.caution,
            "reference": cls.reference,
            "options": [field.to_dict() for field in cls.option_fields()],
        }

    @property
    def options(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}

    def check(self, model: InstrumentedModel) -> None:
        """Raises UnsupportedError where this model cannot be explained in this way."""
        if self.needs_attention and not model.attention_groups:
            raise UnsupportedError(
                f"{self.title} needs the attention of {model.name}, but {type(model.model).__name__} does not send it through "
                "transformers' attention interface, nor multiplies values by a softmax where that can be seen. "
                "Methods that look from outside work."
            )

    def prepare(self) -> None:  # noqa: B027
        """Import what is heavy, before the time is taken."""

    def under(self, rows: int) -> Under | None:
        """What the plain pass of a batch of this many rows should run under, so that the method need not make one of its own."""
        return None

    def expected_passes(self, score: Score) -> int:
        """About how many forward passes this will take: one through some layers only counts in part, a gradient as two or three."""
        return 1 + round(passes_written_out(score.model, len(score.encoding.tokens))) if self.needs_attention else 1
