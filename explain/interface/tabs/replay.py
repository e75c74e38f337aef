"""Where an explanation card is dropped, and what came out when it was explained again."""

from __future__ import annotations

import gradio as gr

from explain.interface.serving import HEAVY, guarded
from explain.interface.tabs.form import escaped
from explain.interface.work.sharing import replay_card
from explain.sharing.card import read
from explain.sharing.replay import Replay


def build() -> None:
    """In the current Blocks."""
    with gr.Accordion("Replay an explanation card", open=False, elem_id="replay"):
        gr.Markdown("Explains a saved card again and compares every number with it.", elem_classes="note")
        card = gr.File(label="Card (JSON)", file_types=[".json"], type="filepath", elem_id="replay-card")
        report = gr.Markdown(elem_id="replay-report")
        card.upload(guarded(_replayed), card, report, show_progress_on=[report], **HEAVY)


def _replayed(path: str) -> str:
    return said(replay_card(read(path)))


def said(result: Replay) -> str:
    """The comparison as Markdown."""
    verdict = "✅ **Equal**" if result.equal else "⚠️ **Not equal**"
    lines = [f"{verdict} (relative tolerance {result.tolerance:g})", ""]
    lines += ["| method | quantity | difference | relative | |", "| --- | --- | ---: | ---: | --- |"]
    for difference in result.differences:
        same = "equal" if difference.equal else "**different**"
        what = f"{escaped(difference.method)} | {escaped(difference.quantity)}"
        lines.append(f"| {what} | {difference.absolute:.2e} | {difference.relative:.2e} | {same} |")
    notes = [*(f"Different: {line}" for line in result.mismatches), *(f"Note: {line}" for line in result.warnings)]
    return "\n".join([*lines, "", *(f"- {escaped(note)}" for note in notes)])
