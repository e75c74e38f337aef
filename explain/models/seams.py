"""What the hooks on a model's modules do while a context is active; what is active lives in a `ContextVar`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn


@dataclass(frozen=True)
class Nonlinear:
    """What is made of activations `(input, output)` and of the weights of a router."""

    activation: Callable[[Tensor, Tensor], Tensor]
    routed: Callable[[Tensor], Tensor]


class Continued(Protocol):
    """What rows begin with and a model knows."""

    length: int

    def rest(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a model for what follows, from those for whole rows."""


EMBEDDINGS: ContextVar[Mapping[int, Callable[[Tensor], Tensor]]] = ContextVar("embeddings", default={})  # noqa: B039
NONLINEAR: ContextVar[Nonlinear | None] = ContextVar("nonlinear", default=None)
TRUNK: ContextVar[tuple[int, Callable[[Tensor], Tensor]] | None] = ContextVar("trunk", default=None)
PREFIX: ContextVar[tuple[int, Continued] | None] = ContextVar("prefix", default=None)


@contextlib.contextmanager
def active(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    """Within, a variable has a value in this thread."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def replace_embedding(*, time_first: bool) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    """Some models embed texts as [n, B, d]; everybody here speaks of [B, n, d]."""

    def hook(module: nn.Module, _: Any, output: Tensor) -> Tensor:
        replace = EMBEDDINGS.get().get(id(module))
        if replace is None:
            return output
        return replace(output.transpose(0, 1)).transpose(0, 1) if time_first else replace(output)

    return hook


def replace_activation(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """After an activation module."""
    active = NONLINEAR.get()
    return output if active is None else active.activation(given[0], output)


def replace_expert_inputs(
    module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Before experts, which are given a state and what the router said."""
    active = NONLINEAR.get()
    if active is None:
        return None

    def routed(value: Any) -> Any:
        return active.routed(value) if isinstance(value, Tensor) and value.is_floating_point() else value

    state, *rest = given
    return (state, *map(routed, rest)), {name: routed(value) for name, value in named.items()}


def continue_prefix(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Before the model: of rows that begin with what is known only the rest is read."""
    active = PREFIX.get()
    return None if active is None or active[0] != id(module) else (given, active[1].rest(named))


def replace_trunk_output(module: nn.Module, _: Any, output: Any) -> Any:
    """After the trunk, whose last hidden state the head reads."""
    active = TRUNK.get()
    if active is None or active[0] != id(module):
        return output
    hidden = active[1](output[0])
    if isinstance(output, tuple):
        return (hidden, *output[1:])
    output["last_hidden_state"] = hidden
    return output
