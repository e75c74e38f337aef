"""Every tab as a picture, to be looked at: wide and narrow, light and dark; a phone scrolls only down; axe-core finds nothing serious.

axe looks at each tab with everything open, in both themes.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from driver import App
from playwright.sync_api import expect

from explain.models.tasks import TASKS

pytestmark = pytest.mark.browser

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
BAD = ("serious", "critical")
THEMES = ("light", "dark")
WIDTHS = (1200, 390)
FOLDER = Path(__file__).parents[1] / "screenshots"
# Gradio makes a button of every piece of a highlighted text, also of the white space between tokens, which has no name.
# It has no option for this, and the pieces cannot be left out: they are what the reader sees between the words.
EXCLUDED = {"aria-command-name": ".tokens .token:not(.highlighted)"}

# Axe gives up on text that something transparent lies over; what we colour ourselves is measured here as well.
OURS = (
    *(".token.highlighted .text", ".note p", ".chip", "table td", "table th", "[id$=-status] p"),
    *(".plot .xtick text", ".plot .ytick text", ".plot .xtitle", ".plot .ytitle", ".plot .legendtext", ".plot .cbaxis text"),
)
AA = 4.5
PALE = """([selector, least]) => {
  const numbers = css => (css.match(/[\\d.]+/g) || []).map(Number);
  const light = rgb => rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const chain = e => e ? [e, ...chain(e.parentElement)] : [];
  const over = ([r, g, b, a = 1], ground) => [r, g, b].map((c, i) => a * c + (1 - a) * ground[i]);
  return [...document.querySelectorAll(selector)].filter(e => e.checkVisibility()).flatMap(e => {
    const styles = chain(e).map(x => getComputedStyle(x));
    const ground = styles.map(s => numbers(s.backgroundColor)).reverse().reduce((under, c) => over(c, under), [255, 255, 255]);
    const [r, g, b, a = 1] = numbers(e instanceof SVGElement ? styles[0].fill : styles[0].color);
    const ink = over([r, g, b, styles.reduce((product, s) => product * s.opacity, a)], ground);
    const [dim, bright] = [light(ink), light(ground)].sort((x, y) => x - y);
    const ratio = (bright + 0.05) / (dim + 0.05);
    return ratio < least ? [`${selector} ${ratio.toFixed(2)} ${e.textContent.trim().slice(0, 40)}: ${ink} on ${ground}`] : [];
  });
}"""


def wear(app: App, theme: str) -> None:
    app.page.evaluate("dark => document.body.classList.toggle('dark', dark)", theme == "dark")
    app.page.wait_for_timeout(500)


def picture(app: App, name: str, shown: Callable[[], object] = lambda: None) -> None:
    """The page at both widths in both themes, once what is waited for is shown."""
    FOLDER.mkdir(exist_ok=True)
    for width in WIDTHS:
        app.page.set_viewport_size({"width": width, "height": 900})
        app.page.wait_for_timeout(1000)
        shown()
        assert app.page.evaluate("document.documentElement.scrollWidth") <= width
        for theme in THEMES:
            wear(app, theme)
            path = FOLDER / f"{name}-{width}-{theme}.png"
            app.page.screenshot(path=path, full_page=True, animations="disabled")
            assert path.stat().st_size > 10_000
    app.page.set_viewport_size({"width": WIDTHS[0], "height": 900})


def unfold(app: App) -> None:
    """Open every accordion that can be seen, those inside others too."""
    closed = app.page.locator("button.label-wrap:not(.open)").locator("visible=true")
    while closed.count():
        before = closed.count()
        closed.first.click()
        expect(closed).not_to_have_count(before)


def excluded(app: App, rule: str, node: dict[str, Any]) -> bool:
    """Whether the rule is not asked of this element, which must be blank."""
    selector = EXCLUDED.get(rule)
    script = "([path, selector]) => { const e = document.querySelector(path); return e.matches(selector) && !e.innerText.trim(); }"
    return selector is not None and bool(app.page.evaluate(script, [node["target"][0], selector]))


def check(app: App) -> None:
    """Run axe on the page as it is, in both themes; say what was left out."""
    app.page.evaluate(AXE)
    for theme in THEMES:
        wear(app, theme)
        report = app.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found = [(v["id"], node) for v in report["violations"] if v["impact"] in BAD for node in v["nodes"]]
        out = [rule for rule, node in found if excluded(app, rule, node)]
        print(f"{theme}: {len(out)} blank pieces of text excluded from {sorted(set(out))}")
        assert [(rule, node["html"], node["any"]) for rule, node in found if not excluded(app, rule, node)] == [], theme
        pale = [line for part in OURS for line in app.page.evaluate(PALE, [part, AA])]
        assert pale == [], theme


@pytest.mark.parametrize(("task", "theme"), [(task, THEMES[number % 2]) for number, task in enumerate(TASKS)])
def test_a_task_with_its_explanation(app: App, task: str, theme: str) -> None:
    app.open(task, theme=theme).explain()
    picture(app, task, lambda: [expect(app.plot(name)).to_be_visible() for name in ("heatmap", "attention")])
    unfold(app)
    for plot in ("heatmap", "attention", "alignment", "network", "ablation-heads", "layers-tokens"):
        expect(app.plot(plot)).to_be_visible()
    expect(app.part("client").locator(".cm-line").first).to_be_visible()
    app.tokens("input_x_gradient").locator("visible=true").first.click()
    expect(app.part("details").locator("table")).to_be_visible()
    check(app)


@pytest.mark.parametrize(
    ("name", "title", "plot", "view"),
    [("compare", "Compare methods", "agreement", "Faithfulness"), ("prompts", "Compare prompts", "heatmap", None)],
)
def test_a_comparison_with_its_result(app: App, name: str, title: str, plot: str, view: str | None) -> None:
    app.page.set_viewport_size({"width": WIDTHS[1], "height": 900})  # there the tab is in the overflow menu
    app.page.goto(f"{app.url}?__theme=light")
    app.visit(name, title)
    app.part("run").click()
    expect(app.part("status")).to_contain_text("Done")
    picture(app, name, lambda: expect(app.plot(plot)).to_be_visible())
    unfold(app)
    check(app)
    if view is not None:
        app.page.get_by_role("tab", name=view, exact=True).click()
        expect(app.part("table").locator("table")).to_be_visible()
        picture(app, f"{name}-{view.lower()}")
        check(app)


def test_the_about_tab(app: App) -> None:
    app.open("masked_lm")
    app.page.get_by_role("tab", name="About", exact=True).locator("visible=true").first.click()
    expect(app.page.locator("#tab-about")).to_be_visible()
    picture(app, "about")
    check(app)


@pytest.mark.parametrize("theme", THEMES)
def test_the_first_page(app: App, theme: str) -> None:
    app.open("masked_lm", theme=theme)
    picture(app, f"first-opened-{theme}")


def test_axe_would_find_a_fault(app: App) -> None:
    app.open("masked_lm")
    app.page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name"):
        check(app)


def test_pale_text_of_ours_would_be_found(app: App) -> None:
    app.open("masked_lm")
    pale = "document.querySelector('#masked_lm-status').innerHTML = '<p style=\"color: #777777; background: #f8f8f8\">pale</p>'"
    app.page.evaluate(pale)
    with pytest.raises(AssertionError, match=r"-status\] p 4\.2\d pale"):
        check(app)
