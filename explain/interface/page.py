"""Blocks that send little when they are opened: a page needs no schema of values, and equal parameters of endpoints are one."""

from __future__ import annotations

import inspect
from typing import Any

import gradio as gr
from gradio.components.api_component import Api

CUSTOM = ("component_class_id", "key")
SCHEMA = ("api_info", "api_info_as_input", "api_info_as_output", "example_inputs")


class Page(gr.Blocks):  # type: ignore[misc]
    """Does what `gr.Blocks` does."""

    def get_config_file(self) -> Any:
        """What the page is built from, without what it does not read.

        That is the schemas of what is no endpoint's, which only the documentation reads, and the numbers by which custom components are
        found: there are none.
        """
        config: Any = super().get_config_file()
        documented = {block._id for fn in self.fns.values() if fn.api_visibility != "private" for block in (*fn.inputs, *fn.outputs)}
        for component in config["components"]:
            for name in CUSTOM:
                component.pop(name, None)
            if component["id"] not in documented:
                for name in SCHEMA:
                    component.pop(name, None)
        return config

    def share_parameters(self) -> None:
        """`gr.api` makes a component of every parameter of every endpoint; those of the same name, type and default become one."""
        known: dict[tuple[str, str, str], Any] = {}
        for fn in self.fns.values():
            if any(isinstance(block, Api) for block in fn.outputs):
                names = list(inspect.signature(fn.fn).parameters)
                fn.inputs = [_shared(block, name, known) for block, name in zip(fn.inputs, names, strict=True)]
                fn.outputs = [_shared(block, "result", known) for block in fn.outputs]
        kept = {block._id for block in known.values()}
        for number, block in list(self.blocks.items()):
            if isinstance(block, Api) and number not in kept:
                del self.blocks[number]
                block.parent.children.remove(block)


def _shared(block: Any, name: str, known: dict[tuple[str, str, str], Any]) -> Any:
    block.label = name
    return known.setdefault((name, repr(block._api_info), repr(block.value)), block)
