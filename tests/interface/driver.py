"""What a visitor does on the page, and a method that can be held."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page, expect

from explain.models.tasks import TASKS

TIMEOUT = int(os.environ.get("EXPLAIN_BROWSER_TIMEOUT", 120)) * 1000
SETTLING = 250


@dataclass
class App:
    """What a visitor does in the tab of one task."""

    page: Page
    url: str
    task: str = "masked_lm"

    def open(self, task: str, *, theme: str = "light") -> App:
        self.task = task
        self.page.goto(f"{self.url}?__theme={theme}")
        self.show(task)
        return self

    def show(self, task: str) -> None:
        """Switch to a tab; in narrow windows it is in the overflow menu."""
        self.visit(task, TASKS[task].title)

    def visit(self, name: str, title: str) -> App:
        """Switch to a tab by its title."""
        self.task = name
        expect(self.page.get_by_role("tablist").first).to_be_visible()
        tab = self.page.get_by_role("tab", name=title, exact=True).locator("visible=true")
        for _ in range(TIMEOUT // SETTLING):  # a click before the page has come alive is lost
            if tab.count():
                tab.first.click()
            elif (more := self.page.locator(".overflow-menu > button").locator("visible=true")).count():
                more.first.click()
                self.page.locator(".overflow-dropdown button", has_text=title).first.click()
            self.page.wait_for_timeout(SETTLING)
            if self.part("text").locator("visible=true").count():
                break
        expect(self.text).not_to_have_value("")  # the tab's boxes get their values once they are mounted
        self.page.wait_for_timeout(SETTLING)
        return self

    def part(self, name: str) -> Locator:
        return self.page.locator(f"#{self.task}-{name}")

    @property
    def text(self) -> Locator:
        return self.part("text").locator("textarea")

    def box(self, name: str) -> Locator:
        """The input of a dropdown, number or checkbox."""
        return self.part(name).locator("input").first

    def choose(self, name: str, value: str) -> None:
        """Type into a dropdown that takes any value."""
        self.box(name).click()
        self.box(name).fill(value)
        self.box(name).press("Enter")
        expect(self.box(name)).to_have_value(value)

    def unfold_target(self) -> None:
        panel = self.page.locator(f"#tab-{self.task}")
        if not self.part("target").locator("visible=true").count():
            panel.get_by_role("button", name="Target, contrast and unit").click()
        expect(self.part("target")).to_be_visible()

    def start(self) -> None:
        self.part("explain").click()

    def explain(self) -> None:
        self.start()
        self.wait_explained()

    def wait_explained(self) -> None:
        expect(self.part("status")).to_contain_text("Explained", timeout=3 * TIMEOUT)

    def tokens(self, method: str) -> Locator:
        return self.part(f"text-{method}").locator(".token")

    def words(self, method: str) -> list[str]:
        """The tokens that a method's text shows, without the white space between them."""
        return [text.strip() for text in self.tokens(method).all_inner_texts() if text.strip()]

    def plot(self, name: str) -> Locator:
        return self.part(name).locator(".js-plotly-plot")

    def plot_values(self, name: str) -> str:
        """What a plot shows, as JSON."""
        expect(self.plot(name).first).to_be_visible()
        script = "e => JSON.stringify(e.data.map(t => [t.z, t.x, t.y, t.text]))"
        return str(self.plot(name).first.evaluate(script))

    def wait_plot_changed(self, name: str, before: str) -> None:
        self.page.wait_for_function(
            "([id, before]) => { const e = document.querySelector(id + ' .js-plotly-plot');"
            " return e && e.data && JSON.stringify(e.data.map(t => [t.z, t.x, t.y, t.text])) !== before; }",
            arg=[f"#{self.task}-{name}", before],
            timeout=TIMEOUT,
        )

    @property
    def toast(self) -> Locator:
        return self.page.get_by_test_id("toast-text")


@dataclass
class Held:
    """A method that waits until it is let go."""

    entered: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
