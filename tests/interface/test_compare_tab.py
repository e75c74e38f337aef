"""The tab that compares methods, as a walk in Chromium."""

from __future__ import annotations

import re

import pytest
from driver import App
from playwright.sync_api import expect

from explain.interface.presets import COMPARED_METHODS
from explain.methods.catalog import method_class

pytestmark = pytest.mark.browser
TWO = "A fine and moving film.\nIt is not a good movie."


def test_methods_are_compared_on_one_text_and_on_several(app: App) -> None:
    tab = app.open().visit("compare")
    expect(tab.part("agreement")).to_have_count(0)
    tab.wait(tab.start())
    titles = [method_class(name).title for name in COMPARED_METHODS]
    for title in titles:
        expect(tab.part("agreement")).to_contain_text(title)
    before = tab.plot_values("compare-agreement")
    tab.pick(tab.part("measure"), "cosine")
    tab.wait_plot_changed("compare-agreement", before)
    tab.view("Faithfulness")
    expect(tab.part("curves")).to_contain_text("best order found")
    expect(tab.part("table").locator("tbody tr")).to_have_count(len(titles))
    before = tab.plot_values("compare-curves")
    tab.pick(tab.part("kind"), "insertion")
    tab.wait_plot_changed("compare-curves", before)

    tab.text.fill(TWO)
    tab.wait(tab.start())
    expect(tab.status).to_contain_text("2 of 2 texts")
    expect(tab.part("ranking")).to_contain_text("1.")
    expect(tab.part("curves")).to_contain_text("share of the words")

    tab.text.fill("")
    tab.wait(tab.start(), "failed")
    expect(tab.status).to_contain_text("Give at least one")
    expect(tab.toast).to_contain_text("Give at least one")
    tab.close_toasts()
    tab.task("next_token")
    expect(tab.box(tab.part("model"))).to_have_value("gpt2-mini")
    expect(tab.text).not_to_have_value("")
    tab.wait(tab.start())
    expect(tab.plot("compare-curves")).to_be_visible()


def test_weights_are_randomised_evidence_is_examined_and_both_can_be_stopped(app: App) -> None:
    tab = app.open().visit("compare")
    for name in COMPARED_METHODS[1:]:
        tab.method(name).uncheck()
    tab.view("Randomised weights")
    before = tab.run_id()
    tab.part("randomise").click()
    tab.wait(before)
    expect(tab.part("randomisation").last).to_contain_text("embeddings")
    tab.view("Known evidence")
    before = tab.run_id()
    tab.part("examine").click()
    expect(tab.status).to_contain_text("examined")
    tab.part("stop").click()
    tab.wait(before, "stopped")
    tab.page.wait_for_timeout(1000)
    expect(tab.status).to_contain_text("Stopped.")
    before = tab.run_id()
    tab.part("examine").click()
    tab.wait(before)
    expect(tab.plot("compare-pointing")).to_be_visible()
    expect(tab.plot("compare-mass")).to_be_visible()
    expect(tab.status).to_contain_text(re.compile(r"\d+ of 48 sentences"))
