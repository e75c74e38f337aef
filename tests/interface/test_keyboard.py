"""Everything is reached and used without a mouse, and what has the focus can be seen."""

from __future__ import annotations

import pytest
from driver import App
from playwright.sync_api import expect

from explain.methods.catalog import METHODS

pytestmark = pytest.mark.browser

MOST = 200
FOCUSED = "selector => document.activeElement.matches(selector)"
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
        passed.append(str(app.page.evaluate("document.activeElement.outerHTML.slice(0, 60)")))
        if app.page.evaluate(FOCUSED, selector):
            assert app.page.evaluate(SEEN), f"{selector} has the focus and does not show it"
            return
    raise AssertionError(f"{selector} is out of reach: {passed}")


def test_a_text_is_explained_and_looked_into_by_keys_alone(app: App) -> None:
    app.open("masked_lm")
    app.page.evaluate("document.activeElement.blur()")
    reach(app, "[role=tab]:nth-of-type(2)")
    app.page.keyboard.press("Enter")
    app.task = "classification"
    expect(app.text).to_be_visible()
    expect(app.text).not_to_have_value("")
    reach(app, "#classification-text textarea")
    app.page.keyboard.press("Control+a")
    app.page.keyboard.type("A dull evening.")
    reach(app, "#classification-explain")
    reach(app, "#classification-model input")
    reach(app, f"#classification-methods label:nth-of-type({[method.name for method in METHODS].index('lrp') + 1}) input")
    app.page.keyboard.press("Space")
    reach(app, "#classification-explain", "Shift+Tab")
    app.page.keyboard.press("Enter")
    app.wait_explained()
    expect(app.part("text-lrp")).to_contain_text("dull")
    reach(app, "#classification-merge input")
    reach(app, "#classification-view input")
    reach(app, "#classification-text-attention .token.highlighted")
    app.page.keyboard.press("Enter")
    expect(app.part("details").locator("table")).to_be_visible()
    reach(app, "#classification-ablation-part button")
    app.page.keyboard.press("Enter")
    expect(app.plot("ablation-heads")).to_be_visible()
    reach(app, "#classification-share-part button")
    app.page.keyboard.press("Enter")
    expect(app.part("link").locator("textarea, input").first).not_to_have_value("")
    reach(app, "#classification-file-card")
    with app.page.expect_download() as download:
        app.page.keyboard.press("Enter")
    assert download.value.suggested_filename == "explanation-card.json"


@pytest.mark.parametrize(("name", "title"), [("compare", "Compare methods"), ("prompts", "Compare prompts")])
def test_a_comparison_is_made_by_keys_alone(app: App, name: str, title: str) -> None:
    app.page.goto(app.url)
    app.visit(name, title)
    app.text.focus()
    reach(app, f"#{name}-run")
    app.page.keyboard.press("Enter")
    expect(app.part("status")).to_contain_text("Done")
    reach(app, f"#tab-{name} [role=tab]")
