"""Components by name: what a handler is given is read by the names under which it was built, never by its place."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component, FormComponent

Values = Mapping[Component, Any]
Updates = dict[Component, Any]
QUICK: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private", "concurrency_limit": None}
"""Of events that ask no model but change a state that others listen to: Gradio tells of that only through its queue."""
HOLDING = (FormComponent, gr.State, gr.File)
MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~>:/-])")


class Form:
    """A part of the page.

    Args:
        prefix: Of the element ids: the component `text` of `explain` is the element `explain-text`.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._parts: dict[str, Component] = {}

    def id(self, name: str) -> str:
        """The element id of a part."""
        return f"{self.prefix}-{name}"

    def add(self, name: str, component: Component) -> Component:
        """Keep a component under a name. What holds something can be changed: in a tab that is built late Gradio does not guess it."""
        component.elem_id = self.id(name)
        if isinstance(component, HOLDING) and getattr(component, "interactive", False) is None:
            component.interactive = True
        self._parts[name] = component
        return component

    def __getitem__(self, name: str) -> Component:
        return self._parts[name]

    @property
    def components(self) -> set[Component]:
        """All parts."""
        return set(self._parts.values())

    @property
    def inputs(self) -> set[Component]:
        """The parts that hold something of the visitor's; given as inputs, a handler gets a mapping that `read` understands."""
        return {part for part in self._parts.values() if isinstance(part, HOLDING)}

    def read(self, values: Values) -> dict[str, Any]:
        """The values of the parts that a handler was given, by name."""
        return {name: values[component] for name, component in self._parts.items() if component in values}

    def updates(self, **named: Any) -> Updates:
        """Updates of parts by name."""
        return {self._parts[name]: value for name, value in named.items()}


def plot(label: str, **more: Any) -> gr.Plot:
    """A figure that takes no room while there is none."""
    return gr.Plot(label=label, show_label=False, elem_classes="plot", visible=False, **more)


def coloured(label: str, colors: Mapping[str, str], **more: Any) -> gr.HighlightedText:
    """A text in coloured pieces: each stays one, and its category is told by its colour alone."""
    return gr.HighlightedText(label=label, color_map=dict(colors), show_inline_category=False, combine_adjacent=False, **more)


def choice(label: str, choices: Sequence[tuple[str, Any]] = (), **more: Any) -> gr.Dropdown:
    """A dropdown whose choices change with the answer: a value of an earlier answer is no error, who reads it takes another."""
    value = choices[0][1] if choices else None
    return gr.Dropdown(list(choices), value=value, label=label, allow_custom_value=True, **more)


def drawn(figure: Any) -> Any:
    """An update of a `plot`: without a figure there is no empty box."""
    return gr.update(value=figure, visible=figure is not None)


def escaped(text: str) -> str:
    """Text that a Markdown view shows as it is: no markup, link or image comes of it."""
    return MARKUP.sub(r"\\\1", html.escape(text, quote=False))


def code(text: str) -> str:
    """Text in a code span of a Markdown table."""
    return "`" + text.replace("`", "ˋ").replace("|", "¦") + "`"
