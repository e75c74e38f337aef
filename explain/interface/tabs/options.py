"""The options of the methods: one form, made from the methods' own fields, that serves all tabs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.errors import InputError
from explain.interface.tabs.form import Updates, Values
from explain.methods.catalog import METHODS
from explain.methods.option import Option

SCRIPT = Path(__file__).parents[1] / "options.js"
Given = Mapping[str, Mapping[str, Any]]


class OptionsForm:
    """One component, placed by `render`, whose value is what is not at its default: method -> option -> value."""

    def __init__(self) -> None:
        fields = "".join(_section(name, method.title, method.option_fields()) for name, method in METHODS.items() if method.option_fields())
        self.form = gr.HTML(
            {}, html_template=_literal(fields), js_on_load=SCRIPT.read_text(encoding="utf-8"), elem_id="options-form", render=False
        )

    def render(self) -> None:
        """Place it in the current Blocks."""
        self.form.render()

    @property
    def inputs(self) -> set[Component]:
        return {self.form}

    def read(self, values: Values, methods: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The options of the chosen methods that are not at their default.

        Raises:
            InputError: The page sent something else.
        """
        given = values[self.form] or {}
        if not isinstance(given, dict) or not all(isinstance(options, dict) for options in given.values()):
            raise InputError(f"The options are {given!r:.80}. Give them by method and name.")
        return {method: dict(options) for method, options in given.items() if method in methods}

    def filled(self, given: Given) -> Updates:
        """Every field at what was given, or at its default."""
        return {self.form: {method: dict(options) for method, options in given.items()}}


def _section(name: str, title: str, fields: Sequence[Option]) -> str:
    return f"<details><summary>{escape(title)}</summary>{''.join(_field(name, field) for field in fields)}</details>"


def _field(method: str, option: Option) -> str:
    """A field with its label and help; what it needs to know is in its data."""
    described = option.to_dict()
    identity, label = f"option-{method}-{option.name}", escape(option.name.replace("_", " "))
    data = f'data-method="{method}" data-option="{option.name}" data-default="{escape(json.dumps(described["default"]))}"'
    told = f'id="{identity}" aria-describedby="{identity}-help" {data}'
    if option.choices:
        chosen = "".join(f"<option>{escape(choice)}</option>" for choice in option.choices)
        field = f"<select {told}>{chosen}</select>"
    elif option.kind is bool:
        field = f'<input type="checkbox" {told}>'
    else:
        bounds = "".join(f' {side}="{bound}"' for side, bound in (("min", option.minimum), ("max", option.maximum)) if bound is not None)
        optional = " data-optional" * option.optional
        field = f'<input type="number" step="{1 if option.kind is int else "any"}"{bounds}{optional} {told}>'
    return f'<p><label for="{identity}">{label}</label>{field}<small id="{identity}-help">{escape(option.help)}</small></p>'


def _literal(html: str) -> str:
    """HTML that Gradio's templates leave as it is."""
    return html.replace("\\", "&#92;").replace("`", "&#96;").replace("$", "&#36;").replace("{", "&#123;").replace("}", "&#125;")
