"""Where relevance is lost: once the ledger has stayed open, a pass that measures every operation that LRP has no rule for."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction

from explain.methods.lrp_ledger import Ledger
from explain.methods.lrp_operations import Operations
from explain.methods.lrp_propagation import rules
from explain.methods.lrp_rules import Ruled, Variant, carries
from explain.models.score import Score

MOST_NAMED = 3


@dataclass(frozen=True)
class Call:
    """A call of a function without a rule: its name, and what went in and came out."""

    name: str
    inputs: list[Tensor]
    outputs: list[Tensor]


class Measured(Operations):
    """Keeps every call of a function without a rule, each with inputs of its own, so that their gradients are this call's alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.calls: list[Call] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(function, "__name__", "")
        in_place = name == "__setitem__" or (name.endswith("_") and not name.endswith("__")) or "out" in (kwargs or {})
        if function in self.rules or in_place or not torch.is_grad_enabled() or not carries((args, kwargs)):
            return super().__torch_function__(function, types, args, kwargs)
        inputs: list[Tensor] = []
        output = super().__torch_function__(function, types, _own(args, inputs), _own(kwargs, inputs))
        made = output if isinstance(output, tuple | list) else (output,)
        outputs = [one for one in made if isinstance(one, Tensor) and one.requires_grad]
        if outputs:
            self.calls.append(Call(f"{name} ({_caller()})", inputs, outputs))
        return output


def losses(score: Score, variant: Variant) -> tuple[dict[str, float], list[str]]:
    """What every operation without a rule loses of the score, by its name and the module that calls it; the largest first.

    And the names of those that a model differentiates by itself, which cannot be measured.
    """
    embeddings = score.embeddings().requires_grad_()
    with torch.enable_grad(), rules(score.model.instruments, variant, Ledger(), keep=True, kind=Measured) as operations:
        value = score.of_embeddings(embeddings).sum()
        hidden = _hidden(value)
        calls = getattr(operations, "calls", [])
    leaves = [one for call in calls for one in (*call.inputs, *call.outputs)]
    flows = iter(torch.autograd.grad(value, leaves, allow_unused=True)) if leaves else iter(())
    found: dict[str, float] = {}
    for call in calls:
        given, made = (sum(_flow(one, next(flows)) for one in part) for part in (call.inputs, call.outputs))
        found[call.name] = found.get(call.name, 0.0) + made - given
    return dict(sorted(found.items(), key=lambda item: -abs(item[1]))), hidden


def in_words(score: Score, variant: Variant, tolerance: float) -> str:
    """Where what the ledger misses is lost; a loss of less than this share of the score is none."""
    least = tolerance * max(abs(score.value()), 1e-12)
    found, hidden = losses(score, variant)
    named = [name for name, loss in found.items() if abs(loss) > least][:MOST_NAMED] or hidden
    if named:
        return f"The ledger stays open: LRP has no rule for {', '.join(named)}."
    return "The ledger stays open: relevance is lost where operations cannot be watched, in compiled code or in place."


def _hidden(value: Tensor) -> list[str]:
    """The functions with a gradient of their own that a value was computed by, but for those of the rules."""
    waiting, seen = [value.grad_fn], set()
    names: set[str] = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, BackwardCFunction):
            names.add(type(node).__name__.removesuffix("Backward"))
        waiting += [following for following, _ in node.next_functions]
    return sorted(names - {Ruled.__name__})


def _own(given: Any, inputs: list[Tensor]) -> Any:
    """The same arguments, each tensor that carries relevance as a view of its own."""
    if isinstance(given, dict):
        return {key: _own(value, inputs) for key, value in given.items()}
    if type(given) in (tuple, list):
        return type(given)(_own(value, inputs) for value in given)
    if not carries(given):
        return given
    inputs.append(given.view_as(given))
    return inputs[-1]


def _caller() -> str:
    """The class of the module whose forward pass is running."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        module = frame.f_locals.get("self", frame.f_locals.get("module"))
        if isinstance(module, nn.Module):
            return type(module).__name__
        frame = frame.f_back
    return "outside of its modules"


def _flow(tensor: Tensor, gradient: Tensor | None) -> float:
    return 0.0 if gradient is None else float((tensor.detach() * gradient).nan_to_num().double().sum())
