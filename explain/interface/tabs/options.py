"""Widgets for the options of the methods, made from the methods' own fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.methods.catalog import METHODS
from explain.methods.method import Option


@dataclass(frozen=True)
class OptionWidgets:
    """One widget per option, and which option each is."""

    keys: tuple[tuple[str, Option], ...]
    components: tuple[Component, ...]

    def read(self, values: tuple[Any, ...], methods: list[str]) -> dict[str, dict[str, Any]]:
        """The options of the chosen methods that are not at their default."""
        chosen: dict[str, dict[str, Any]] = {}
        for (method, option), value in zip(self.keys, values, strict=True):
            given = None if value == "" else value
            if method in methods and given != option.to_dict()["default"] and not (given is None and not option.optional):
                chosen.setdefault(method, {})[option.name] = given
        return chosen

    def filled(self, given: Mapping[str, Mapping[str, Any]]) -> dict[Component, Any]:
        """Every widget at what was given, or at its default."""
        return {
            component: given.get(method, {}).get(option.name, option.to_dict()["default"])
            for (method, option), component in zip(self.keys, self.components, strict=True)
        }


def build() -> OptionWidgets:
    """One accordion per method that has options, in the current Blocks."""
    keys, components = [], []
    for method in METHODS:
        fields = method.option_fields()
        if not fields:
            continue
        with gr.Accordion(method.title, open=False):
            for field in fields:
                keys.append((method.name, field))
                components.append(_widget(method.name, field))
    return OptionWidgets(tuple(keys), tuple(components))


def _widget(method: str, option: Option) -> Component:
    description = option.to_dict()
    common = {"label": option.name.replace("_", " "), "info": option.help, "elem_id": f"option-{method}-{option.name}"}
    if option.choices:
        return gr.Radio(option.choices, value=description["default"], **common)
    if option.kind is bool:
        return gr.Checkbox(option.default, **common)
    return gr.Number(
        option.default,
        precision=0 if option.kind is int else None,
        minimum=option.minimum,
        maximum=option.maximum,
        **common,
    )
