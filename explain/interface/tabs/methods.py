"""The choice of methods: those that look inside the model and those that ask it from outside, each with what it does and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import gradio as gr

from explain.errors import ExplainError
from explain.interface.tabs.form import Form, Updates
from explain.methods.catalog import METHODS
from explain.methods.method import Method
from explain.types import Encoding, Family, Token

GROUPS = {Family.EXTERNAL: ("outside", "Methods that ask from outside"), Family.INTERNAL: ("inside", "Methods that look inside")}
WORDS = 12
LAYERS = HEADS = 4
WIDTH = 256


def cost(method: type[Method]) -> str:
    """About how many forward passes a method takes for a sentence of twelve words in a model of four layers with four heads."""
    try:
        passes = method().expected_passes(_typical())
    except (AttributeError, TypeError, ExplainError):  # a method of somebody's own may look at more of the score
        return ""
    if passes <= 5:
        return f"{passes} pass{'es' * (passes != 1)}"
    size = 10 ** (len(str(passes)) - 1)
    return f"≈ {round(passes / size) * size:,} passes"


def _typical() -> Any:
    """What `expected_passes` looks at, without a model."""
    tokens = tuple(Token("word", " ", "word", 1, 5 * i, 5 * i + 4, special=False) for i in range(WORDS))
    ids = SimpleNamespace(shape=(1, WORDS))
    config = SimpleNamespace(num_hidden_layers=LAYERS, hidden_size=WIDTH, num_attention_heads=HEADS)
    plain = SimpleNamespace(config=config, dtype=SimpleNamespace(itemsize=4))
    model = SimpleNamespace(attention_groups={"self": LAYERS}, model=plain, instruments=SimpleNamespace(attention_is_one=True))
    return SimpleNamespace(encoding=Encoding("word " * WORDS, tokens, {"input_ids": ids}), model=model)  # type: ignore[dict-item]


def label(method: type[Method]) -> str:
    """What stands at the checkbox: title and cost, then what the method computes."""
    price = cost(method)
    return f"{method.title}{' · ' * bool(price)}{price}\n{method.summary.split(' (')[0].rstrip('.')}"


def add_methods(form: Form, chosen: Sequence[str]) -> None:
    """The two groups of checkboxes, in the current column."""
    for family, (name, title) in GROUPS.items():
        choices = [(label(method), method.name) for method in METHODS.values() if method.family is family]
        form.add(name, gr.CheckboxGroup(choices, value=_of(family, chosen), label=title, elem_classes="methods"))


def choose(chosen: Iterable[str], form: Form) -> Updates:
    """Check these methods and no others."""
    return form.updates(**{name: _of(family, chosen) for family, (name, _) in GROUPS.items()})


def chosen_methods(given: dict[str, Any], preferred: Sequence[str]) -> tuple[str, ...]:
    """The checked methods: first those that are preferred, in that order, then the others in the catalog's."""
    checked = {method for name, _ in GROUPS.values() for method in given[name]}
    order = [*preferred, *(name for name in METHODS if name not in preferred)]
    return tuple(name for name in order if name in checked)


def _of(family: Family, chosen: Iterable[str]) -> list[str]:
    wanted = set(chosen)
    return [name for name, method in METHODS.items() if name in wanted and method.family is family]
