"""Widgets for the options of the methods, made from the methods' own fields; one block of them serves all tabs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.interface.tabs.form import Updates, Values
from explain.methods.catalog import METHODS
from explain.methods.option import Option


@dataclass(frozen=True)
class OptionWidgets:
    """(method, option) -> its widget."""

    widgets: Mapping[tuple[str, Option], Component]

    @property
    def components(self) -> set[Component]:
        return set(self.widgets.values())

    def read(self, values: Values, methods: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The options of the chosen methods that are not at their default."""
        chosen: dict[str, dict[str, Any]] = {}
        for (method, option), component in self.widgets.items():
            given = None if values[component] == "" else values[component]
            if method in methods and given != option.to_dict()["default"] and not (given is None and not option.optional):
                chosen.setdefault(method, {})[option.name] = given
        return chosen

    def filled(self, given: Mapping[str, Mapping[str, Any]]) -> Updates:
        """Every widget at what was given, or at its default."""
        return {
            component: given.get(method, {}).get(option.name, option.to_dict()["default"])
            for (method, option), component in self.widgets.items()
        }


def build() -> OptionWidgets:
    """One accordion per method that has options, in the current Blocks."""
    widgets: dict[tuple[str, Option], Component] = {}
    for method in METHODS.values():
        fields = method.option_fields()
        if fields:
            with gr.Accordion(method.title, open=False):
                widgets |= {(method.name, field): _widget(method.name, field) for field in fields}
    return OptionWidgets(widgets)


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
