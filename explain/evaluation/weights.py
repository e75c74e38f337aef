"""The weights of a model part by part, from the head down, and their shuffling."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from explain.models.architectures import base_of
from explain.models.explained_model import ExplainedModel
from explain.models.passes import Recording
from explain.models.score import Score


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
    trunk = {id(parameter) for parameter in base_of(model.model).parameters()}
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


def untie(model: ExplainedModel) -> None:
    """Give the head a matrix of its own where it shares that of the embeddings."""
    head = model.model.get_output_embeddings()
    tables = _tables(model)
    if id(getattr(head, "weight", None)) in tables:
        head.weight = nn.Parameter(head.weight.detach().clone(), requires_grad=head.weight.requires_grad)


def layers_read(model: ExplainedModel, score: Score) -> set[str]:
    """The layers of a model through which a score is computed, named as in `parts_of`."""
    recording = Recording()
    with model.instruments.layers(recording):
        score.anew(model).value()
    return {_layer_name(*layer) for layer in recording.outputs}


def shuffle(parameters: Sequence[nn.Parameter], generator: torch.Generator) -> None:
    """Permute the numbers of each tensor within itself."""
    with torch.no_grad():
        for parameter in parameters:
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))
