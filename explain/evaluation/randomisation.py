"""Randomisation check: scores that stay the same when the model's weights are destroyed do not explain the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from explain.evaluation.features import features_of
from explain.evaluation.labels import Labelled, MethodLabel, labels_of
from explain.evaluation.weights import layers_read, parts_of, shuffle, untie
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.explained_model import ExplainedModel
from explain.models.perturbation import Granularity
from explain.results import Explanation
from explain.similarity import spearman
from explain.tokens import Word, sum_over
from explain.types import Array, Question

if TYPE_CHECKING:
    from explain.explainer import TokenExplainer

ORIGINAL = "original"


@dataclass(frozen=True)
class Stage(Labelled):
    """The methods after one more part of the model was randomised.

    Attributes:
        part: What was randomised last; all parts above it are random too. "original" is the untouched model.
        output: The explained score of the randomised model.
        features: How many tokens are compared.
        labels: The methods.
        similarity: Method -> Spearman's rho of its scores with its original ones; NaN where all scores are equal.
        absolute: Method -> the same of absolute scores.
    """

    part: str
    output: float
    features: int
    labels: tuple[MethodLabel, ...]
    similarity: Mapping[str, float]
    absolute: Mapping[str, float]


@dataclass(frozen=True)
class Randomisation(Labelled):
    """All stages, from the untouched model to one that is random throughout.

    Attributes:
        stages: In order.
        features: How many tokens are compared.
        labels: The methods.
    """

    stages: tuple[Stage, ...]
    features: int
    labels: tuple[MethodLabel, ...]

    @classmethod
    def of(cls, stages: Sequence[Stage]) -> Randomisation:
        """What is known after one or more stages."""
        return cls(tuple(stages), stages[0].features, stages[0].labels)

    @property
    def chance(self) -> float:
        """What the absolute rho of two random orders of so many tokens is on average (normal approximation)."""
        return sqrt(2 / (pi * max(1, self.features - 1)))

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; a rho that does not exist is `None`."""
        return {
            "parts": [stage.part for stage in self.stages],
            "outputs": [stage.output for stage in self.stages],
            "features": self.features,
            "chance": self.chance,
            "titles": self.titles,
            "similarity": {name: [_known(stage.similarity[name]) for stage in self.stages] for name in self.methods},
            "absolute": {name: [_known(stage.absolute[name]) for stage in self.stages] for name in self.methods},
        }


def iter_randomisation(
    explainer: TokenExplainer,
    question: str | Question,
    methods: Iterable[str | Method],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    **asked: Any,
) -> Iterator[Stage]:
    """The stages of `randomisation_check`, whose arguments these are: the untouched model, then one after each part."""
    chosen = make_methods(methods, options)
    analysis = explainer.ask(question, methods=chosen, **asked).single()
    original = analysis.explanation([analysis.run(method) for method in chosen])
    features = features_of(original, Granularity.TOKENS)
    before = {a.method: sum_over(features, a.scores) for a in original}
    yield _stage(ORIGINAL, original, features, before)
    model = analysis.model
    generator = torch.Generator().manual_seed(seed)
    with ExplainedModel(model.instruments.plain_copy(), model.tokenizer, model.task, name=model.name) as copy:
        untie(copy)
        read = layers_read(copy, analysis.scores[0])
        for part, parameters in parts_of(copy):
            if "layer " in part and part not in read:
                continue
            shuffle(parameters, generator)
            changed = analysis.on(copy)
            yield _stage(part, changed.explanation([changed.run(method) for method in chosen]), features, before)


def randomisation_check(
    explainer: TokenExplainer,
    question: str | Question,
    methods: Iterable[str | Method],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    **asked: Any,
) -> Randomisation:
    """Randomise the weights from the head down to the embeddings, part by part and adding up, and explain the same answer each time.

    A part's weights are shuffled, each tensor within itself: what was learnt is gone, the scale of every tensor stays. A matrix that
    head and embeddings share is first given to each on its own, or the head could not be random before the embeddings are. Layers
    that the answer does not read (the decoder of an encoder-decoder asked for an embedding) are left out. The model is copied; it is
    never changed. Special tokens are not compared.
    Scores that multiply by the input keep part of their order even then (Kokhlikyan et al., 2021, arXiv:2106.07475): a method should
    fall, and one that does not fall is suspect, but the height of its last value is no grade.

    Source: Adebayo et al., 2018, arXiv:1810.03292 (cascading randomisation).

    Args:
        explainer: What to ask.
        question: A text, or a text with what is asked about it; of a sequence task the output token `step` is explained, the last if
            left out.
        methods: Names or methods.
        options: Of methods given by name.
        seed: Of the shuffling.
        asked: Fields of `Question` that the question leaves open.

    Raises:
        InputError: The text cannot be explained.
        UnsupportedError: The weights are not in memory, or a method cannot explain the model.
    """
    return Randomisation.of(list(iter_randomisation(explainer, question, methods, options=options, seed=seed, **asked)))


def _stage(part: str, explanation: Explanation, features: Sequence[Word], before: Mapping[str, Array]) -> Stage:
    now = {a.method: sum_over(features, a.scores) for a in explanation}
    return Stage(
        part,
        explanation.attributions[0].output,
        len(features),
        labels_of(explanation),
        {name: spearman(before[name], now[name]) for name in before},
        {name: spearman(np.abs(before[name]), np.abs(now[name])) for name in before},
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
