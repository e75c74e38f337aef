"""Everything is reached and used without a mouse, and what has the focus can be seen."""

from __future__ import annotations

import pytest
from driver import App
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

MOST = 250
SEEN = """() => {
  for (let e = document.activeElement, up = 0; e && up < 3; e = e.parentElement, up++) {
    const style = getComputedStyle(e);
    if (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none') return true;
  }
  return false;
}"""


def reach(app: App, selector: str, key: str = "Tab") -> None:
    """Press a key until what matches has the focus; it must show that it has."""
    passed = []
    for _ in range(MOST):
        app.page.keyboard.press(key)
        there, said = app.page.evaluate("s => [document.activeElement.matches(s), document.activeElement.outerHTML.slice(0, 60)]", selector)
        passed.append(said)
        if there:
            assert app.page.evaluate(SEEN), f"{selector} has the focus and does not show it"
            return
    raise AssertionError(f"{selector} is out of reach: {passed}")


def test_a_text_is_explained_and_looked_into_by_keys_alone(app: App) -> None:
    app.open()
    app.page.evaluate("document.activeElement.blur()")
    reach(app, "#explain-task input")
    reach(app, "#explain-text textarea")
    app.page.keyboard.press("Control+a")
    app.page.keyboard.type("A dull evening.")
    reach(app, "#explain-run")
    reach(app, "#explain-model input")
    reach(app, "#explain-outside input[name=input_x_gradient]")
    app.page.keyboard.press("Space")
    reach(app, "#explain-run", "Shift+Tab")
    before = app.run_id()
    app.page.keyboard.press("Enter")
    app.wait(before)
    expect(app.row("input_x_gradient")).to_contain_text("dull")
    reach(app, "#explain-row-attention .token.highlighted")
    app.page.keyboard.press("Enter")
    expect(app.part("token").locator("table")).to_be_visible()
    assert app.page.locator("#explain-stage .token.hovered").count() >= 5
    reach(app, "#explain-fine summary")
    app.page.keyboard.press("Enter")
    expect(app.part("fine").locator("dl")).to_be_visible()
    reach(app, "#explain-words input")
    reach(app, "#explain-views [role=tab][data-tab-id=heads]")
    app.page.keyboard.press("Enter")
    expect(app.plot("heads-map")).to_be_visible()
    reach(app, "#explain-views [role=tab][data-tab-id=take]")
    app.page.keyboard.press("Enter")
    expect(app.page.locator("#take-link").locator("textarea, input").first).not_to_have_value("")
    reach(app, "#take-card")
    with app.page.expect_download() as download:
        app.page.keyboard.press("Enter")
    assert download.value.suggested_filename == "explanation-card.json"


def test_comparisons_are_made_by_keys_alone(app: App) -> None:
    app.open()
    for tab in ("compare", "prompts"):
        app.visit(tab)
        app.text.focus()
        reach(app, f"#{tab}-run")
        before = app.run_id()
        app.page.keyboard.press("Enter")
        app.wait(before)
        reach(app, f"#{tab}-views [role=tab]")
