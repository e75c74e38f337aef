"""The tab that compares prompts, as a walk in Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
from driver import App
from playwright.sync_api import Locator, expect

from explain.interface.presets import PROMPT_EXAMPLES

pytestmark = pytest.mark.browser


def typed(tab: App, name: str) -> Locator:
    return tab.part(name).locator("input, textarea").first


def test_prompts_pairs_keywords_and_templates_are_compared(app: App, runs: list[str]) -> None:
    tab = app.open().visit("prompts")
    tab.wait(tab.start())
    expect(tab.status).to_contain_text("4 prompts, 3 keywords")
    expect(tab.part("table").last).to_contain_text("It is not a bad movie.")
    expect(tab.part("lines").locator("span[style*=outline]").first).to_be_visible()
    before = tab.plot_values("prompts-heatmap")
    tab.pick(tab.part("method"), "Gradient x input")
    tab.wait_plot_changed("prompts-heatmap", before)
    computed = len(runs)
    before = tab.plot_values("prompts-heatmap")
    typed(tab, "containing").fill("not")
    typed(tab, "containing").press("Enter")
    tab.wait_plot_changed("prompts-heatmap", before)
    expect(tab.part("table").last).not_to_contain_text("It is a good movie.")
    before = tab.plot_values("prompts-heatmap")
    tab.box(tab.part("order")).click()
    tab.page.get_by_role("option", name="score, highest first", exact=True).click()
    tab.wait_plot_changed("prompts-heatmap", before)
    tab.view("Minimal pair")
    expect(tab.part("change")).to_contain_text("Added: not")
    expect(tab.part("change")).to_contain_text("Prediction: positive, then negative")
    expect(tab.plot("prompts-bars")).to_be_visible()
    tab.view("Keywords")
    before = tab.plot_values("prompts-keyword-plot")
    tab.pick(tab.part("quantity"), "effect")
    tab.wait_plot_changed("prompts-keyword-plot", before)
    assert len(runs) == computed

    number = next(number for number, example in enumerate(PROMPT_EXAMPLES) if "{" in example.text)
    tab.part(f"example-{number}").click()
    expect(tab.box(tab.part("target"))).to_have_value("she")
    expect(tab.part("text")).to_contain_text("Prompts")
    tab.wait(tab.start())
    tab.view("Template")
    expect(tab.plot("prompts-fillers")).to_be_visible()
    expect(tab.part("filler-note")).to_contain_text("Means over 3 frames")
    expect(tab.part("filler-note").locator("tbody tr")).to_have_count(4)


def test_what_cannot_be_compared_is_said_and_a_file_brings_prompts(app: App, tmp_path: Path) -> None:
    tab = app.open().visit("prompts")
    for text, keywords, said in (
        ("Only one.", "", "at least 2 prompts"),
        ("The {a|b film.", "", "is not closed"),
        ("A film.\nA play.", "zebra", "'zebra' is in none of the 2 prompts"),
    ):
        tab.text.fill(text)
        typed(tab, "keywords").fill(keywords)
        tab.wait(tab.start(), "failed")
        expect(tab.status).to_contain_text(said)
        expect(tab.text).to_have_value(text)
        tab.close_toasts()
    typed(tab, "keywords").fill("")
    tab.choose("target", "")
    file = tmp_path / "prompts.csv"
    file.write_text("text,target\nA fine film.,negative\nA dull film.,negative\n", encoding="utf-8")
    tab.part("file").locator("input[type=file]").set_input_files(file)
    expect(tab.text).to_have_value("A fine film.\nA dull film.")
    tab.wait(tab.start())
    expect(tab.part("table").last).to_contain_text("negative")
    tab.view("Minimal pair")
    expect(tab.part("change")).to_contain_text("Score of negative")
    attack = '<img src=x onerror="window.attacked=1">'
    tab.text.fill(f"A fine film {attack}.\nA dull film {attack}.")
    tab.wait(tab.start())
    tab.view("Prompts")
    expect(tab.part("lines")).to_contain_text("onerror=")
    assert tab.page.evaluate("window.attacked") is None
