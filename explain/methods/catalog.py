"""All methods by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from explain.errors import InputError, UnknownMethodError
from explain.methods.attention import AttentionWeights
from explain.methods.attention_flow import AttentionFlow
from explain.methods.attention_rollout import AttentionRollout
from explain.methods.gradient_norm import GradientNorm
from explain.methods.head_ablation import HeadAblation
from explain.methods.input_x_gradient import InputXGradient
from explain.methods.integrated_gradients import IntegratedGradients
from explain.methods.layer_ablation import LayerAblation
from explain.methods.lrp import LRP
from explain.methods.method import Method
from explain.methods.occlusion import Occlusion
from explain.methods.shapley import Shapley
from explain.methods.value_zeroing import ValueZeroing

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        AttentionWeights,
        AttentionRollout,
        AttentionFlow,
        ValueZeroing,
        HeadAblation,
        LayerAblation,
        GradientNorm,
        InputXGradient,
        IntegratedGradients,
        Shapley,
        LRP,
        Occlusion,
    )
}
"""By name, in the order in which they are shown. A new method is added here, or by `add_method`."""


def add_method(method: type[Method]) -> None:
    """Make a method known by its name to `analyze`, the command line, the endpoints and an app that is built afterwards.

    Raises:
        InputError: Another method has this name.
    """
    if METHODS.setdefault(method.name, method) is not method:
        raise InputError(f"There is a method {method.name!r} already. Give yours another name.")


def method_class(name: str) -> type[Method]:
    """The method called `name`.

    Raises:
        UnknownMethodError: There is none.
    """
    if name not in METHODS:
        raise UnknownMethodError(f"The method {name!r} is not known. Choose from: {', '.join(METHODS)}.")
    return METHODS[name]


def make_methods(given: Iterable[str | Method], options: Mapping[str, Mapping[str, Any]] | None = None) -> tuple[Method, ...]:
    """Methods by name, with options by method name, or as they are.

    Raises:
        UnknownMethodError: A name is not known.
        InputError: No method was given, one was given twice, or an option is wrong.
    """
    if isinstance(given, str):
        given = [given]
    options = options or {}
    methods = tuple(m if isinstance(m, Method) else method_class(m).with_options(options.get(m, {})) for m in given)
    names = [method.name for method in methods]
    if not methods:
        raise InputError(f"No method was chosen. Choose at least one of: {', '.join(METHODS)}.")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated:
        raise InputError(f"The method {repeated} was given twice: give each once.")
    unused = next((name for name in options if name not in names), None)
    if unused:
        method_class(unused)
        raise InputError(f"Options were given for {unused}, which was not chosen. Chosen: {', '.join(names)}.")
    return methods
