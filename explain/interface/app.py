"""Builds the Blocks: the tabs, the options of all methods, the endpoints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gradio as gr

from explain.interface import endpoints, serving, zero_gpu
from explain.interface.limits import limits
from explain.interface.page import Page
from explain.interface.tabs import about, replay
from explain.interface.tabs.compare_methods import CompareMethodsTab
from explain.interface.tabs.compare_prompts import ComparePromptsTab
from explain.interface.tabs.dataset import DatasetTab
from explain.interface.tabs.explain import ExplainTab
from explain.interface.tabs.form import QUICK
from explain.interface.tabs.opening import prepare_examples
from explain.interface.tabs.options import OptionsForm
from explain.interface.tabs.passage import COLORS as PASSAGE
from explain.interface.tabs.window import COLORS as STRIP
from explain.models.hub import reachable
from explain.visualization.colors import INK, LEVEL_COLORS, LEVEL_INKS

CSS = Path(__file__).with_name("style.css")
SCRIPT = Path(__file__).with_name("page.js")
READABLE = {
    "body_text_color_subdued": "*neutral_600",
    "body_text_color_subdued_dark": "*neutral_400",
    **{
        f"button_primary_background_fill{state}{mode}": color
        for state, color in (("", "*primary_700"), ("_hover", "*primary_800"))
        for mode in ("", "_dark")
    },
}
LATER = (CompareMethodsTab, ComparePromptsTab, DatasetTab)
"""The tabs that are built when they are first opened."""
TITLE = "Which tokens made the model say that?"
OFFLINE = "The model hub cannot be reached: the bundled models are ready and do everything."


def build(task: str | None = None, model: str | None = None) -> gr.Blocks:
    """The whole page, not launched; `task` and `model` are chosen at first."""
    with Page(title=f"explain — {TITLE[0].lower()}{TITLE[1:]}", analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        gr.Markdown(f"# {TITLE}", elem_id="title")
        options = OptionsForm()
        notice = gr.Markdown(visible=False, elem_id="notice")
        with gr.Tabs(elem_id="tabs"):
            explain = ExplainTab(task, model)
            for kind in LATER:
                _later(kind, options)
            about.build()
        with gr.Accordion("Options of the methods", open=False, elem_id="options"):
            options.render()
        replay.build()
        explain.connect(demo, options)
        endpoints.build()
        demo.share_parameters()
        demo.load(_notice, None, notice, **serving.LIGHT)
        demo.unload(serving.Run.leave)
    demo.queue(max_size=limits().waiting, default_concurrency_limit=1)
    return demo


def _later(kind: type[CompareMethodsTab | ComparePromptsTab | DatasetTab], options: OptionsForm) -> None:
    with gr.Tab(kind.title, id=kind.name, elem_id=f"tab-{kind.name}") as tab:
        opened = gr.State(False)
        gr.render(triggers=[opened.change], show_progress="hidden")(lambda: kind(options))
    tab.select(lambda: True, None, opened, **QUICK)


def warm_up(task: str | None = None, model: str | None = None) -> None:
    """Explain the first examples and prepare every compiled method, in the background; a borrowed GPU is left to visitors."""
    if zero_gpu.ACTIVE:
        return
    prepare_examples(task, model)


def _notice() -> Any:
    return gr.skip() if reachable() else gr.update(value=OFFLINE, visible=True)


def token_colours() -> str:
    """Gradio paints a highlighted token at half strength with black text: here every level has its full colour and a text that is read."""
    rules = []
    plain = {**PASSAGE, **STRIP}
    inks = {**LEVEL_INKS, **dict.fromkeys(plain, INK)}
    for name, color in {**LEVEL_COLORS, **plain}.items():
        red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
        rules.append(
            f'.tokens .token[style*="rgba({red}, {green}, {blue}, 0.5)"] {{ background-color: {color} !important; '
            f"color: {inks[name]} !important; }}"
        )
    return "\n".join(rules)


def launch_options() -> dict[str, Any]:
    """What `launch` needs for this app, on a Space as at home."""
    return {
        "theme": gr.themes.Default(primary_hue="orange", secondary_hue="blue").set(**READABLE),
        "css": token_colours(),
        "css_paths": [CSS],
        "js": SCRIPT.read_text(encoding="utf-8"),
        "show_error": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api", "settings"],
        "max_file_size": limits().file_bytes,
        "mcp_server": os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true",
    }
