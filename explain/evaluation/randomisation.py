"""Randomisation check: scores that stay the same when the model's weights are destroyed do not explain the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

import numpy as np
import torch
from torch import nn

from explain.analysis import Analysis
from explain.evaluation.agreement import players_of, spearman
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.explained_model import ExplainedModel
from explain.models.passes import Recording
from explain.results import Explanation
from explain.tokens import sum_over
from explain.types import Array

ORIGINAL = "original"


@dataclass(frozen=True)
class Stage:
    """The methods after one more part of the model was randomised.

    Attributes:
        part: What was randomised last; all parts above it are random too. "original" is the untouched model.
        output: The explained score of the randomised model.
        similarity: Method -> Spearman's rho of its scores with its original ones; NaN where all scores are equal.
        absolute: Method -> the same of absolute scores.
    """

    part: str
    output: float
    similarity: Mapping[str, float]
    absolute: Mapping[str, float]


@dataclass(frozen=True)
class Randomisation:
    """All stages, from the untouched model to one that is random throughout.

    Attributes:
        stages: In order.
        players: How many tokens are compared.
    """

    stages: tuple[Stage, ...]
    players: int

    @property
    def chance(self) -> float:
        """What the absolute rho of two random orders of so many tokens is on average (normal approximation)."""
        return sqrt(2 / (pi * max(1, self.players - 1)))

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; a rho that does not exist is `None`."""
        return {
            "parts": [stage.part for stage in self.stages],
            "outputs": [stage.output for stage in self.stages],
            "players": self.players,
            "chance": self.chance,
            "similarity": {name: [_known(stage.similarity[name]) for stage in self.stages] for name in self.stages[0].similarity},
            "absolute": {name: [_known(stage.absolute[name]) for stage in self.stages] for name in self.stages[0].absolute},
        }


def randomisation(
    analysis: Analysis, methods: Sequence[str | Method], *, options: Mapping[str, Mapping[str, Any]] | None = None, seed: int = 0
) -> Iterator[Stage]:
    """Randomise the weights from the head down to the embeddings, part by part and adding up, and explain the same answer each time.

    A part's weights are shuffled, each tensor within itself: what was learnt is gone, the scale of every tensor stays. A matrix that
    head and embeddings share is first given to each on its own, or the head could not be random before the embeddings are. Layers
    that the answer does not read (the decoder of an encoder-decoder asked for an embedding) are left out. The model is copied; it is
    never changed. Special tokens are not compared.
    Scores that multiply by the input keep part of their order even then (Kokhlikyan et al., 2021, arXiv:2106.07475): a method should
    fall, and one that does not fall is suspect, but the height of its last value is no grade.

    Source: Adebayo et al., 2018, arXiv:1810.03292 (cascading randomisation).

    Args:
        analysis: The text and what is explained about it.
        methods: Names or methods.
        options: Of methods given by name.
        seed: Of the shuffling.

    Yields:
        The untouched model, then a stage after each part.

    Raises:
        UnsupportedError: The weights are not in memory, or a method cannot explain the model.
    """
    chosen = make_methods(methods, options)
    original = analysis.explanation([analysis.run(method) for method in chosen])
    groups = players_of(original, merge_words=False)
    before = {a.method: sum_over(groups, a.scores) for a in original}
    yield _stage(ORIGINAL, original, before, before)
    model = analysis.model
    generator = torch.Generator().manual_seed(seed)
    with ExplainedModel(model.instruments.plain_copy(), model.tokenizer, model.task, name=model.name) as copy:
        _untie(copy)
        read = _layers_read(copy, analysis)
        for part, parameters in parts_of(copy):
            if "layer " in part and part not in read:
                continue
            _shuffle(parameters, generator)
            changed = analysis.on(copy)
            explanation = changed.explanation([changed.run(method) for method in chosen])
            yield _stage(part, explanation, before, {a.method: sum_over(groups, a.scores) for a in explanation})


def parts_of(model: ExplainedModel) -> list[tuple[str, list[nn.Parameter]]]:
    """The parts of a model from the head down, each with its own parameters; together all of them, each once."""
    architecture = model.instruments.architecture
    owner: dict[int, str] = {}
    order = ["head"]
    for stack in reversed(list(architecture.blocks)):
        blocks = architecture.blocks[stack]
        for number in reversed(range(len(blocks))):
            order.append(_layer_name(stack, number))
            owner |= {id(parameter): order[-1] for parameter in blocks[number].parameters()}
    if not architecture.blocks:
        order.append("layers")
    order.append("embeddings")
    tables = _tables(model)
    trunk = {id(parameter) for parameter in model.model.base_model.parameters()}
    found: dict[str, list[nn.Parameter]] = {name: [] for name in order}
    for name, parameter in model.model.named_parameters():
        part = owner.get(id(parameter))
        if part is None:
            below = id(parameter) in tables or "embed" in name
            shared = not architecture.blocks and id(parameter) in trunk
            part = "embeddings" if below else "layers" if shared else "head"
        found[part].append(parameter)
    return [(name, parameters) for name, parameters in found.items() if parameters]


def _layer_name(stack: str, number: int) -> str:
    return f"layer {number}" if stack == "self" else f"{stack} layer {number}"


def _tables(model: ExplainedModel) -> set[int]:
    """Ids of the weights of all embedding layers."""
    return {id(weight) for module in model.model.modules() if isinstance(module, nn.Embedding) for weight in module.parameters()}


def _untie(model: ExplainedModel) -> None:
    """Give the head a matrix of its own where it shares that of the embeddings."""
    head = model.model.get_output_embeddings()
    tables = _tables(model)
    if id(getattr(head, "weight", None)) in tables:
        head.weight = nn.Parameter(head.weight.detach().clone(), requires_grad=head.weight.requires_grad)


def _layers_read(model: ExplainedModel, analysis: Analysis) -> set[str]:
    """The layers through which the score is computed."""
    recording = Recording()
    with model.instruments.layers(recording):
        analysis.on(model).scores[0].value()
    return {_layer_name(*layer) for layer in recording.outputs}


def _shuffle(parameters: Sequence[nn.Parameter], generator: torch.Generator) -> None:
    with torch.no_grad():
        for parameter in parameters:
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))


def _stage(part: str, explanation: Explanation, before: Mapping[str, Array], now: Mapping[str, Array]) -> Stage:
    return Stage(
        part,
        explanation.attributions[0].output,
        {name: spearman(before[name], now[name]) for name in before},
        {name: spearman(np.abs(before[name]), np.abs(now[name])) for name in before},
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
