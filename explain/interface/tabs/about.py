"""What the app shows, what it does not tell, and what every method computes."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from explain.methods.catalog import METHODS

TEXT = Path(__file__).parents[1] / "about.md"


def build() -> None:
    """A tab in the current tabs."""
    with gr.Tab("About", id="about", elem_id="tab-about"):
        gr.Markdown(f"{TEXT.read_text(encoding='utf-8')}\n\n{methods_explained()}")


def methods_explained() -> str:
    """What every method computes, what it does not tell, and where it comes from."""
    lines = ["### The methods", ""]
    for method in METHODS.values():
        knows = "does not know the target" if method.target_blind else "knows the target"
        sums = ", its scores sum to a known difference" if method.complete else ""
        lines.append(f"- **{method.title}** ({method.family.value}; {knows}{sums}). {method.summary} {method.caution} *{method.reference}*")
    return "\n".join(lines)
