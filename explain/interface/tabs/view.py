"""A sub-tab of the result: drawn when it is opened, and again when something that it shows changes while it is open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import gradio as gr
import plotly.graph_objects as go
from gradio.components import Component

from explain.interface.tabs.answer import Seen
from explain.interface.tabs.form import Form, Updates, Values
from explain.visualization.colors import MARK

NO_ATTENTION = "There is no attention to look at. Explain with the method *Attention* as well; models that do not show theirs have none."


class View(Form, ABC):
    """Built in the current tabs.

    Class attributes:
        name: Prefix of the element ids, and the tab's id.
        title: What the tab says.
        heavy: Whether drawing it asks the model.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    heavy: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__(self.name)
        with gr.Tab(self.title, id=self.name, elem_id=f"view-{self.name}") as self.tab:
            self.note = gr.Markdown(elem_classes="note", elem_id=self.id("note"))
            self.build()

    @abstractmethod
    def build(self) -> None:
        """Add the parts."""

    @abstractmethod
    def draw(self, seen: Seen, values: Values) -> Updates:
        """What is shown of an answer; `values` holds the view's own choices."""

    @property
    def changes(self) -> list[Any]:
        """The events upon which it is drawn again."""
        return []

    @property
    def outputs(self) -> set[Component]:
        return self.components | {self.note}

    @property
    def waiting_at(self) -> Component:
        """Where it is shown that the view is being computed."""
        return self.note

    def cleared(self, said: str) -> Updates:
        """Nothing but a sentence."""
        return {self.note: said, **{part: gr.update(visible=False) for part in self.components if isinstance(part, gr.Plot)}}


def framed_layer(figure: go.Figure, place: float | None, *, across: bool = False) -> go.Figure:
    """The figure with a thin frame around the row, or with `across` the column, of the chosen layer."""
    if place is not None:
        frame = figure.add_vrect if across else figure.add_hrect
        low, high = ("x0", "x1") if across else ("y0", "y1")
        frame(**{low: place - 0.5, high: place + 0.5}, line={"color": MARK, "width": 2}, fillcolor="rgba(0,0,0,0)")
    return figure
