"""Every tab as a picture, to be looked at: wide and narrow, light and dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from driver import App
from playwright.sync_api import expect

from explain.models.tasks import TASKS

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parents[1] / "screenshots"


def take(app: App, name: str, theme: str, shown: Callable[[], object]) -> None:
    """The page at both widths, once what is waited for is shown."""
    FOLDER.mkdir(exist_ok=True)
    for width in (1200, 390):
        app.page.set_viewport_size({"width": width, "height": 900})
        shown()
        app.page.wait_for_timeout(2000)
        path = FOLDER / f"{name}-{width}-{theme}.png"
        app.page.screenshot(path=path, full_page=True, animations="disabled")
        assert path.stat().st_size > 10_000


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("task", TASKS)
def test_screenshots(app: App, task: str, theme: str) -> None:
    app.open(task, theme=theme).explain()
    take(app, task, theme, lambda: [expect(app.plot(name)).to_be_visible() for name in ("heatmap", "attention")])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "title", "plot"), [("compare", "Compare methods", "agreement"), ("prompts", "Compare prompts", "heatmap")]
)
def test_screenshots_of_the_comparisons(app: App, name: str, title: str, plot: str, theme: str) -> None:
    app.page.goto(f"{app.url}?__theme={theme}")
    app.visit(name, title)
    app.part("run").click()
    expect(app.part("status")).to_contain_text("Done")
    take(app, name, theme, lambda: expect(app.plot(plot)).to_be_visible())


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_screenshots_of_about(app: App, theme: str) -> None:
    app.open("masked_lm", theme=theme)
    app.page.get_by_role("tab", name="About", exact=True).locator("visible=true").first.click()
    take(app, "about", theme, lambda: expect(app.page.locator("#tab-about")).to_be_visible())


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_screenshots_of_the_first_page(app: App, theme: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    for width in (1200, 390):
        app.page.set_viewport_size({"width": width, "height": 900})
        app.open("masked_lm", theme=theme)
        app.page.wait_for_timeout(1000)
        app.page.screenshot(path=FOLDER / f"first-{width}-{theme}.png", full_page=True, animations="disabled")
