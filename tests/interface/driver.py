"""What a visitor does on the page, and a method that can be held."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from explain.models.tasks import TASKS

TIMEOUT = int(os.environ.get("EXPLAIN_BROWSER_TIMEOUT", 120)) * 1000
SOON, ATTEMPTS = 5000, 12
SETTLED = """() => new Promise(settled => {
    let timer;
    const wait = () => { clearTimeout(timer); timer = setTimeout(() => { watch.disconnect(); settled(); }, 400); };
    const watch = new MutationObserver(wait);
    watch.observe(document.body, {childList: true, subtree: true});
    wait();
})"""
TABS = {"explain": "Explain", "compare": "Compare methods", "prompts": "Compare prompts", "dataset": "Dataset", "about": "About"}
DATA = "e => JSON.stringify(e.data.map(t => [t.z, t.x, t.y, t.text]))"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class App:
    """The page, and the tab that a visitor is in."""

    page: Page
    url: str
    tab: str = "explain"

    def open(self, *, theme: str = "light", query: str = "") -> App:
        """The page as it is when it has come alive: its opening has said something."""
        self.tab = "explain"
        self.page.goto(f"{self.url}?__theme={theme}{query}")
        expect(self.page.locator("#explain-status p")).not_to_have_text("Press Explain.")
        return self

    def visit(self, tab: str) -> App:
        """Switch to a tab; in narrow windows it is in the overflow menu."""
        self.tab = tab
        self._switch("#tabs", TABS[tab])
        expect(self.page.locator(f"#tab-{tab}")).to_be_visible()
        return self

    def view(self, title: str) -> App:
        """Switch to a view of the result."""
        self._switch(f"#{self.tab}-views", title)
        return self

    def _switch(self, tabs: str, title: str) -> None:
        here = self.page.locator(f"{tabs} > .tab-wrapper")
        tab = here.get_by_role("tab", name=title, exact=True)
        shown = tab.locator("visible=true")
        more = here.locator(".overflow-menu > button").locator("visible=true")
        hidden = here.locator(".overflow-dropdown button", has_text=title)
        expect(shown.or_(more).first).to_be_visible()

        def attempt() -> bool:
            if shown.count():
                shown.first.click(timeout=SOON)
            else:
                if not hidden.locator("visible=true").count():
                    more.click(timeout=SOON)
                hidden.first.click(timeout=SOON)
            return True

        self._until(attempt)  # a window that was just resized moves its tabs into the menu and out of it

    def _until(self, attempt: Callable[[], bool]) -> None:
        """Try again while the page is still moving; the last attempt's failure is the test's."""
        for _ in range(ATTEMPTS):
            try:
                if attempt():
                    return
            except PlaywrightTimeout:
                continue
        assert attempt()

    def settle(self) -> None:
        """Wait until nothing on the page has changed for a moment."""
        self.page.evaluate(SETTLED)

    def write(self, *fields: tuple[Locator, str]) -> None:
        """Type into inputs until the page keeps all of it: Gradio draws what was just opened once more."""

        def attempt() -> bool:
            for box, value in fields:
                if box.input_value() != value:
                    box.fill(value, timeout=SOON)
                    box.press("Tab", timeout=SOON)
            self.settle()
            return all(box.input_value() == value for box, value in fields)

        self._until(attempt)

    def part(self, name: str) -> Locator:
        """A part of the tab."""
        return self.page.locator(f"#{self.tab}-{name}")

    @property
    def text(self) -> Locator:
        return self.part("text").locator("textarea")

    def box(self, part: Locator) -> Locator:
        """The input of a dropdown, number or checkbox."""
        return part.locator("input").first

    def pick(self, part: Locator, label: str) -> None:
        """Choose one of some radio buttons."""
        part.get_by_label(label, exact=True).check()

    def task(self, name: str) -> App:
        """Ask something else; the form then holds the task's first example."""
        before = self.run_id()
        if self.part("task").get_by_label(TASKS[name].title, exact=True).is_checked():
            return self
        self.pick(self.part("task"), TASKS[name].title)
        if self.tab == "explain":  # only there the line tells of the task's example
            self.page.locator(f'#explain-status p:not([data-run="{before}"])').wait_for()
        return self

    def method(self, name: str) -> Locator:
        """The checkbox of a method."""
        return self.page.locator(f"#{self.tab}-inside input[name={name}], #{self.tab}-outside input[name={name}]")

    def only(self, name: str) -> App:
        """Choose one method alone, and leave out how faithful it is."""
        self.method(name).check()
        checked = self.page.locator(f"#{self.tab}-inside input:checked, #{self.tab}-outside input:checked")
        for other in checked.evaluate_all("boxes => boxes.map(box => box.name)"):
            if other != name:
                self.method(other).uncheck()
        self.box(self.part("check")).uncheck()
        return self

    def choose(self, name: str, value: str) -> None:
        """Type into a dropdown that takes any value, or into a number."""
        box = self.box(self.part(name))

        def attempt() -> bool:
            box.click(timeout=SOON)
            box.fill(value, timeout=SOON)
            box.press("Enter", timeout=SOON)
            self.page.wait_for_timeout(100)
            return box.input_value() == value

        self._until(attempt)

    def unfold_asked(self) -> None:
        """Show what is asked besides the text."""
        if not self.part("target").locator("visible=true").count():
            self.page.locator(f"#tab-{self.tab} .asked > button").click()
            expect(self.part("target")).to_be_visible()
            self.settle()

    @property
    def status(self) -> Locator:
        return self.page.locator(f"#{self.tab}-status p")

    def run_id(self) -> str:
        """Which run the status line speaks of."""
        return self.status.get_attribute("data-run") or ""

    def start(self) -> str:
        """Press the button; returns the run whose line was there before."""
        before = self.run_id()
        self.part("run").click()
        return before

    def wait(self, before: str, state: str = "done") -> None:
        """Until a later run than this one has come to a state."""
        self.page.locator(f'#{self.tab}-status p[data-state="{state}"]:not([data-run="{before}"])').wait_for(timeout=3 * TIMEOUT)

    def explain(self, text: str | None = None) -> App:
        """Ask and wait for the end of this very run."""
        if text is not None:
            self.text.fill(text)
        self.wait(self.start())
        return self

    def row(self, method: str) -> Locator:
        return self.part(f"row-{method}")

    def tokens(self, method: str) -> Locator:
        """The pieces of a row that are not blank."""
        return self.row(method).locator(".token[data-column]")

    def words(self, method: str) -> list[str]:
        """What they say."""
        return [text.strip() for text in self.tokens(method).all_inner_texts()]

    def plot(self, name: str) -> Locator:
        return self.page.locator(f"#{name} .js-plotly-plot")

    def plot_values(self, name: str) -> str:
        """What a plot shows, as JSON."""
        expect(self.plot(name).first).to_be_visible()
        return str(self.plot(name).first.evaluate(DATA))

    def wait_plot_changed(self, name: str, before: str) -> None:
        plot = "document.querySelector('#' + id + ' .js-plotly-plot')"
        self.page.wait_for_function(
            f"([id, before]) => {{ const e = {plot}; return e && e.data && ({DATA})(e) !== before; }}",
            arg=[name, before],
            timeout=TIMEOUT,
        )

    @property
    def toast(self) -> Locator:
        return self.page.get_by_test_id("toast-text")

    def close_toasts(self) -> None:
        """Put the messages away."""
        self.page.evaluate("document.querySelectorAll('[data-testid=toast-close]').forEach(button => button.click())")
        expect(self.toast).to_have_count(0)


@dataclass
class Held:
    """A method that waits until it is let go."""

    entered: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
