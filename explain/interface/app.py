"""Builds the Blocks: one tab per task, the options of all methods, the endpoints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gradio as gr

from explain.interface import endpoints, options, reopen, serving, views, zero_gpu
from explain.interface.presets import PRESETS
from explain.interface.tabs.evaluate import CompareTab
from explain.interface.tabs.explain import TaskTab
from explain.interface.tabs.prompts import PromptsTab
from explain.models.catalog import models_for
from explain.models.hub import reachable
from explain.sharing.request import Request

ABOUT = Path(__file__).with_name("about.md")
CSS = Path(__file__).with_name("style.css")
READABLE = {
    "body_text_color_subdued": "*neutral_600",
    "body_text_color_subdued_dark": "*neutral_400",
    **{
        f"button_primary_background_fill{state}{mode}": color
        for state, color in (("", "*primary_700"), ("_hover", "*primary_800"))
        for mode in ("", "_dark")
    },
}
OFFLINE = "The model hub cannot be reached: the bundled models are ready and do everything."


def build(task: str | None = None, model: str | None = None) -> gr.Blocks:
    """The whole page, not launched; it opens on the tab of `task` with `model` chosen there (or in every tab that can use it)."""
    with gr.Blocks(title="explain — which tokens made the model say that?", analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        gr.Markdown("# Which tokens made the model say that?", elem_id="title")
        notice = gr.Markdown(visible=False, elem_id="notice")
        with gr.Tabs(elem_id="tabs", selected=task) as choice:
            tabs = {name: TaskTab(name, model if task in (None, name) else None) for name in PRESETS}
            compare, prompts = CompareTab(), PromptsTab()
            with gr.Tab("About", id="about", elem_id="tab-about"):
                gr.Markdown(f"{ABOUT.read_text(encoding='utf-8')}\n\n{views.methods_explained()}")
        with gr.Accordion("Options of the methods", open=False, elem_id="options"):
            widgets = options.build()
        reopen.build_replay()
        for tab in tabs.values():
            tab.connect(widgets)
        compare.connect(widgets)
        prompts.connect(widgets)
        reopen.connect(demo, choice, tabs, widgets)
        endpoints.build()
        demo.load(_notice, None, notice, api_visibility="private", show_progress="hidden", queue=False)
    demo.queue(max_size=64, default_concurrency_limit=1)
    return demo


def warm_up() -> None:
    """Prepare the first tab's first example and every compiled method, in the background; a borrowed GPU is left to visitors."""
    if zero_gpu.ACTIVE:
        return
    serving.warm_up(
        [
            Request(task, preset.examples[0].text, models_for(task)[0].name, ["attention_flow", "shap"])
            for task, preset in PRESETS.items()
            if task in ("masked_lm", "classification")
        ]
    )


def _notice() -> Any:
    return gr.skip() if reachable() else gr.update(value=OFFLINE, visible=True)


def launch_options() -> dict[str, Any]:
    """What `launch` needs for this app, on a Space as at home."""
    return {
        "theme": gr.themes.Default(primary_hue="orange", secondary_hue="blue").set(**READABLE),
        "css_paths": [CSS],
        "show_error": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api", "settings"],
        "max_file_size": "5mb",
        "mcp_server": os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true",
    }
