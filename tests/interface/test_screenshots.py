"""Every tab as a picture, to be looked at: wide and narrow, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from driver import App
from playwright.sync_api import expect

from explain.models.tasks import TASKS

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parents[1] / "screenshots"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("task", TASKS)
def test_screenshots(app: App, task: str, theme: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    app.open(task, theme=theme).explain()
    for width in (1200, 390):
        app.page.set_viewport_size({"width": width, "height": 900})
        expect(app.plot("heatmap")).to_be_visible()
        expect(app.plot("attention")).to_be_visible()
        app.page.wait_for_timeout(2000)
        path = FOLDER / f"{task}-{width}-{theme}.png"
        app.page.screenshot(path=path, full_page=True, animations="disabled")
        assert path.stat().st_size > 10_000


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_screenshots_of_the_first_page(app: App, theme: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    for width in (1200, 390):
        app.page.set_viewport_size({"width": width, "height": 900})
        app.open("masked_lm", theme=theme)
        app.page.wait_for_timeout(1000)
        app.page.screenshot(path=FOLDER / f"first-{width}-{theme}.png", full_page=True, animations="disabled")
