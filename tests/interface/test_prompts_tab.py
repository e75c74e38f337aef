"""The tab that compares prompts, in Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
from driver import App
from playwright.sync_api import expect

from explain.interface.presets import PROMPT_EXAMPLES

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(app: App) -> App:
    app.page.goto(app.url)
    return app.visit("prompts", "Compare prompts")


def view(tab: App, name: str) -> None:
    tab.page.get_by_role("tab", name=name, exact=True).click()


def compare(tab: App) -> None:
    tab.part("run").click()
    expect(tab.part("stop")).to_be_visible()
    expect(tab.part("status")).to_contain_text("Done")


def test_one_click_compares_prompts_pairs_and_keywords(tab: App) -> None:
    compare(tab)
    expect(tab.part("status")).to_contain_text("4 prompts, 3 keywords")
    expect(tab.part("table")).to_contain_text("It is not a bad movie.")
    expect(tab.plot("heatmap")).to_be_visible()
    expect(tab.part("lines").locator("span[style*=outline]").first).to_be_visible()
    before = tab.plot_values("heatmap")
    tab.part("method").get_by_label("Gradient x input").check()
    tab.wait_plot_changed("heatmap", before)
    view(tab, "Minimal pair")
    expect(tab.part("change")).to_contain_text("Added: not")
    expect(tab.part("change")).to_contain_text("Prediction: positive, then negative")
    expect(tab.plot("bars")).to_be_visible()
    view(tab, "Keywords")
    expect(tab.plot("keyword-plot")).to_be_visible()
    before = tab.plot_values("keyword-plot")
    tab.part("quantity").get_by_label("effect").check()
    tab.wait_plot_changed("keyword-plot", before)


def test_prompts_are_sorted_and_filtered_without_running_again(tab: App, runs: list[str]) -> None:
    compare(tab)
    computed = len(runs)
    before = tab.plot_values("heatmap")
    tab.part("containing").locator("input, textarea").first.fill("not")
    tab.part("containing").locator("input, textarea").first.press("Enter")
    tab.wait_plot_changed("heatmap", before)
    expect(tab.part("table")).not_to_contain_text("It is a good movie.")
    before = tab.plot_values("heatmap")
    tab.box("order").click()
    tab.page.get_by_role("option", name="score, highest first").locator("visible=true").click()
    tab.wait_plot_changed("heatmap", before)
    assert len(runs) == computed


def test_a_template_shows_what_the_fillers_do(tab: App) -> None:
    example = next(example for example in PROMPT_EXAMPLES if "{" in example.text)
    tab.page.locator("#tab-prompts").get_by_role("button", name=example.point).click()
    expect(tab.part("target").locator("input, textarea").first).to_have_value("she")
    compare(tab)
    view(tab, "Template")
    expect(tab.plot("fillers")).to_be_visible()
    expect(tab.part("filler-note")).to_contain_text("Means over 3 frames")
    expect(tab.part("filler-note").locator("tbody tr")).to_have_count(4)


def test_a_csv_file_brings_prompts_and_targets(tab: App, tmp_path: Path) -> None:
    file = tmp_path / "prompts.csv"
    file.write_text("text,target\nA fine film.,negative\nA dull film.,negative\n", encoding="utf-8")
    tab.part("file").locator("input[type=file]").set_input_files(file)
    expect(tab.text).to_have_value("A fine film.\nA dull film.")
    tab.part("target").locator("input, textarea").first.fill("")
    tab.part("keywords").locator("input, textarea").first.fill("")
    compare(tab)
    expect(tab.part("table")).to_contain_text("negative")
    view(tab, "Minimal pair")
    expect(tab.part("change")).to_contain_text("Score of negative")


@pytest.mark.parametrize(
    ("text", "keywords", "said"),
    [
        ("Only one.", "", "2 to 50 prompts"),
        ("The {a|b film.", "", "is not closed"),
        ("A film.\nA play.", "zebra", "'zebra' is in none of the 2 prompts"),
    ],
)
def test_what_cannot_be_compared_is_said(tab: App, text: str, keywords: str, said: str) -> None:
    tab.text.fill(text)
    tab.part("keywords").locator("input, textarea").first.fill(keywords)
    tab.part("run").click()
    expect(tab.part("status")).to_contain_text(said)
    expect(tab.text).to_have_value(text)


def test_markup_in_a_prompt_is_text(tab: App) -> None:
    attack = '<img src=x onerror="window.attacked=1">'
    tab.text.fill(f"A fine film {attack}.\nA dull film {attack}.")
    tab.part("keywords").locator("input, textarea").first.fill("")
    compare(tab)
    expect(tab.part("lines")).to_contain_text("onerror=")
    assert tab.page.evaluate("window.attacked") is None
