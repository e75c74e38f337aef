"""The tab that compares methods, in Chromium."""

from __future__ import annotations

import re

import pytest
from driver import App
from playwright.sync_api import expect

from explain.interface.presets import COMPARE_METHODS
from explain.methods.catalog import method_class

pytestmark = pytest.mark.browser
TWO = "A fine and moving film.\nIt is not a good movie."


@pytest.fixture
def tab(app: App) -> App:
    app.task = "compare"
    app.page.goto(app.url)
    return app.visit("compare", "Compare methods")


def view(tab: App, name: str) -> None:
    tab.page.get_by_role("tab", name=name, exact=True).click()


def compare(tab: App, button: str = "run") -> None:
    tab.part(button).click()
    expect(tab.part("status")).to_contain_text(re.compile("Reading|Randomised|examined|of"))
    expect(tab.part("status")).to_contain_text("Done")


def test_one_text_is_compared_with_one_click(tab: App) -> None:
    expect(tab.part("agreement")).to_have_count(0)
    compare(tab)
    titles = [method_class(name).title for name in COMPARE_METHODS]
    expect(tab.plot("agreement")).to_be_visible()
    for title in titles:
        expect(tab.part("agreement")).to_contain_text(title)
    before = tab.plot_values("agreement")
    tab.part("measure").get_by_label("cosine").check()
    tab.wait_plot_changed("agreement", before)
    view(tab, "Faithfulness")
    expect(tab.plot("curves")).to_be_visible()
    expect(tab.part("curves")).to_contain_text("best order found")
    expect(tab.part("table").locator("tbody tr")).to_have_count(len(titles))
    before = tab.plot_values("curves")
    tab.part("kind").get_by_label("insertion").check()
    tab.wait_plot_changed("curves", before)


def test_several_texts_give_intervals_and_a_ranking(tab: App) -> None:
    tab.text.fill(TWO)
    compare(tab)
    expect(tab.part("status")).to_contain_text("2 of 2 texts")
    view(tab, "Faithfulness")
    expect(tab.plot("ranking")).to_be_visible()
    expect(tab.part("ranking")).to_contain_text("1.")
    expect(tab.part("curves")).to_contain_text("share of the words")


def test_the_weights_are_randomised_stage_by_stage(tab: App) -> None:
    view(tab, "Randomised weights")
    compare(tab, "randomise")
    expect(tab.plot("randomisation")).to_be_visible()
    expect(tab.part("randomisation")).to_contain_text("embeddings")


def test_known_evidence_ranks_the_methods(tab: App) -> None:
    for name in COMPARE_METHODS[1:]:
        tab.part("methods").get_by_label(method_class(name).title, exact=True).uncheck()
    view(tab, "Known evidence")
    compare(tab, "examine")
    expect(tab.plot("top")).to_be_visible()
    expect(tab.plot("mass")).to_be_visible()
    expect(tab.part("status")).to_contain_text(re.compile(r"\d+ of 48 sentences"))


def test_another_task_brings_its_models_and_an_example(tab: App) -> None:
    tab.box("task").click()
    tab.page.get_by_role("option", name="Next token").locator("visible=true").click()
    expect(tab.box("model")).to_have_value("gpt2-mini")
    compare(tab)
    expect(tab.plot("agreement")).to_be_visible()


def test_an_error_is_said_and_nothing_is_lost(tab: App) -> None:
    tab.text.fill("")
    tab.part("run").click()
    expect(tab.part("status")).to_contain_text("Give 1 to 50 texts")
    expect(tab.toast).to_contain_text("Give 1 to 50 texts")
    tab.text.fill("A fine film.")
    tab.part("run").click()
    expect(tab.part("status")).to_contain_text("Done")


def test_a_long_run_can_be_stopped(tab: App) -> None:
    view(tab, "Known evidence")
    tab.part("examine").click()
    expect(tab.part("status")).to_contain_text("examined")
    tab.part("stop").click()
    expect(tab.part("status")).to_contain_text("Stopped.")
    tab.page.wait_for_timeout(1500)
    expect(tab.part("status")).to_contain_text("Stopped.")
    view(tab, "Agreement")
    compare(tab)
    expect(tab.plot("agreement")).to_be_visible()
