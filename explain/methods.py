"""All methods, in display order. A new method is one file and one line here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from explain.attention.ablation import HeadAblation
from explain.attention.flow import AttentionFlow
from explain.attention.layer_skipping import LayerAblation
from explain.attention.rollout import AttentionRollout
from explain.attention.value_zeroing import ValueZeroing
from explain.attention.weights import AttentionWeights
from explain.attribution.gradient_norm import GradientNorm
from explain.attribution.input_x_gradient import InputXGradient
from explain.attribution.integrated_gradients import IntegratedGradients
from explain.attribution.lrp import LRP
from explain.attribution.occlusion import Occlusion
from explain.attribution.shapley import Shapley
from explain.errors import InputError, UnknownMethodError
from explain.method import Method

METHODS: tuple[type[Method], ...] = (
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


def method_class(name: str) -> type[Method]:
    """The method called `name`.

    Raises:
        UnknownMethodError: There is none.
    """
    for method in METHODS:
        if method.name == name:
            return method
    raise UnknownMethodError(f"The method {name!r} is not known. Choose from: {', '.join(m.name for m in METHODS)}.")


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
        raise InputError(f"No method was chosen. Choose at least one of: {', '.join(m.name for m in METHODS)}.")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated:
        raise InputError(f"The method {repeated} was given twice: give each once.")
    unused = next((name for name in options if name not in names), None)
    if unused:
        method_class(unused)
        raise InputError(f"Options were given for {unused}, which was not chosen. Chosen: {', '.join(names)}.")
    return methods
