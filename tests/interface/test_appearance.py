"""The page as pictures, to be looked at: wide and narrow, light and dark; a phone scrolls only down; axe-core finds nothing serious."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pytest
from driver import App
from playwright.sync_api import expect

from explain.defaults import DEFAULT_METHODS
from explain.models.tasks import TASKS

pytestmark = pytest.mark.browser

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
BAD = ("serious", "critical")
THEMES = ("light", "dark")
WIDE, NARROW = 1280, 390
FOLDER = Path(__file__).parents[1] / "screenshots"
# Axe gives up on text that something transparent lies over; what we colour ourselves is measured here as well.
OURS = (
    *(".tokens .token .text", ".note p", ".chips button", "table td", "table th", "[id$=-status] p", ".numbers td", ".methods label span"),
    *(".candidates li", "p.legend", "#explain-verdict p", "#explain-fine summary", ".tokens > label"),
    *(".plot .xtick text", ".plot .ytick text", ".plot .xtitle", ".plot .ytitle", ".plot .legendtext", ".plot .cbaxis text"),
)
AA = 4.5
PALE = """([selectors, least]) => {
  const numbers = css => (css.match(/[\\d.]+/g) || []).map(Number);
  const light = rgb => rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const over = ([r, g, b, a = 1], ground) => [r, g, b].map((c, i) => a * c + (1 - a) * ground[i]);
  const known = new Map([[null, {ground: [255, 255, 255], opacity: 1}]]);
  const seen = e => {
    if (!known.has(e)) {
      const style = getComputedStyle(e), under = seen(e.parentElement);
      known.set(e, {style, ground: over(numbers(style.backgroundColor), under.ground), opacity: style.opacity * under.opacity});
    }
    return known.get(e);
  };
  return selectors.flatMap(selector => [...document.querySelectorAll(selector)].filter(e => e.checkVisibility()).flatMap(e => {
    const {style, ground, opacity} = seen(e);
    const [r, g, b, a = 1] = numbers(e instanceof SVGElement ? style.fill : style.color);
    const ink = over([r, g, b, a * opacity], ground);
    const [dim, bright] = [light(ink), light(ground)].sort((x, y) => x - y);
    const ratio = (bright + 0.05) / (dim + 0.05);
    return ratio < least ? [`${selector} ${ratio.toFixed(2)} ${e.textContent.trim().slice(0, 40)}: ${ink} on ${ground}`] : [];
  }));
}"""


STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"
WEAR = """([dark, still]) => {
  document.body.classList.toggle("dark", dark);
  const style = document.getElementById("still") || document.head.appendChild(document.createElement("style"));
  Object.assign(style, {id: "still", textContent: still});
  return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}"""


def wear(app: App, theme: str) -> None:
    app.page.evaluate(WEAR, [theme == "dark", STILL])


def picture(app: App, name: str, theme: str, *, whole: bool) -> None:
    """The page as it is; nothing makes it scroll sideways."""
    FOLDER.mkdir(exist_ok=True)
    width = app.page.viewport_size["width"]  # type: ignore[index]
    assert app.page.evaluate("document.documentElement.scrollWidth") <= width, name
    path = FOLDER / f"{name}-{width}-{theme}.png"
    app.page.screenshot(path=path, full_page=whole, animations="disabled")
    assert path.stat().st_size > 10_000


def audit(app: App, rules: Sequence[str] = (), *, within: str = "body") -> None:
    """Run axe on the page, or on a part of it, with all rules or these."""
    if not app.page.evaluate("'axe' in window"):
        app.page.evaluate(AXE)
    options = {"resultTypes": ["violations"], "selectors": False, "preload": False, **({"runOnly": rules} if rules else {})}
    report = app.page.evaluate(f"axe.run('{within}', {json.dumps(options)})")
    found = [(v["id"], node) for v in report["violations"] if v["impact"] in BAD for node in v["nodes"]]
    assert [(rule, node["html"], node["any"]) for rule, node in found] == []


def look(app: App, name: str, *, whole: bool = False, audited: bool = True, within: str = "") -> None:
    """Both themes as pictures, in which our own colours can be read; axe sees the whole page in both, and a part of it in one.

    The dark theme differs from the light one in its colours alone, and what Gradio draws has the same ones in every part.
    """
    for theme, rules in zip(THEMES, ((), ("color-contrast",)), strict=True):
        wear(app, theme)
        picture(app, name, theme, whole=whole)
        if audited:
            assert app.page.evaluate(PALE, [[f"{within} {part}" for part in OURS], AA]) == []
        if audited and not (within and rules):
            audit(app, rules, within=within or "body")


def test_every_task_looks_well_and_can_be_read_by_all(app: App) -> None:
    app.open()
    for number, task in enumerate(TASKS):
        app.task(task)
        expect(app.page.locator("#tokens-table tbody tr").first).to_be_visible()
        look(app, task, within="#tab-explain" if number else "")


def test_every_view_looks_well_and_can_be_read_by_all(app: App) -> None:
    app.open()
    app.unfold_asked()
    app.part("fine").locator("summary").click()
    app.tokens(DEFAULT_METHODS[0]).nth(5).click()
    expect(app.part("token").locator("table")).to_be_visible()
    app.pick(app.page.locator("#tokens-view"), "heatmap")
    for view, part in (
        ("Tokens", "#tokens-plot .js-plotly-plot"),
        ("Segments", "#segments-table table"),
        ("Attention", "#attention-plot .js-plotly-plot"),
        ("Paths", "#paths-plot .js-plotly-plot"),
        ("Heads and layers", "#heads-curve .js-plotly-plot"),
        ("Layer by layer", "#layers-tokens .js-plotly-plot"),
        ("Take along", "#take-client .cm-line"),
    ):
        app.view(view)
        expect(app.page.locator(part).first).to_be_visible()
        look(app, f"view-{view.split()[0].lower()}", whole=True, within="" if view == "Tokens" else "#explain-views")
    for part in ("options", "replay"):
        app.page.locator(f"#{part} > button").click()
    app.visit("about")
    look(app, "about", whole=True)


def test_a_phone_shows_the_answer_first_and_scrolls_only_down(app: App) -> None:
    app.page.set_viewport_size({"width": NARROW, "height": 844})
    app.open()
    expect(app.part("prediction")).to_be_in_viewport()
    for part in ("verdict", "row-lrp", "views"):
        box = app.part(part).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= NARROW, part
    look(app, "opened", audited=False)
    app.explain("What a dull and tedious evening.")
    expect(app.part("prediction")).to_be_in_viewport()
    expect(app.page.locator("#explain-verdict")).to_be_in_viewport()
    look(app, "answer", audited=False)
    for task in ("masked_lm", "generation"):
        app.task(task)
        expect(app.page.locator("#tokens-table tbody tr").first).to_be_visible()
        look(app, task, whole=True, audited=False)
    app.view("Attention")
    expect(app.plot("attention-plot")).to_be_visible()
    look(app, "view-attention", whole=True, audited=False)
    app.view("Take along")
    expect(app.page.locator("#take-client .cm-line").first).to_be_visible()
    look(app, "view-take", whole=True)


def test_comparisons_look_well_and_can_be_read_by_all(app: App) -> None:
    app.open()
    for tab, plots in (("compare", (("Agreement", "compare-agreement"), ("Faithfulness", "compare-curves"))), ("prompts", ())):
        app.visit(tab)
        app.wait(app.start())
        for number, (view, plot) in enumerate(plots or (("Prompts", "prompts-heatmap"), ("Minimal pair", "prompts-bars"))):
            app.view(view)
            expect(app.plot(plot)).to_be_visible()
            look(app, f"{tab}-{view.split()[0].lower()}", whole=True, within=f"#tab-{tab}" if number else "")
        app.page.set_viewport_size({"width": NARROW, "height": 844})
        app.page.wait_for_timeout(500)
        look(app, tab, whole=True, audited=False)
        app.page.set_viewport_size({"width": WIDE, "height": 900})


def test_a_fault_would_be_found(app: App) -> None:
    app.open()
    pale = "document.querySelector('#explain-status').innerHTML = '<p style=\"color: #777777; background: #f8f8f8\">pale</p>'"
    app.page.evaluate(pale)
    with pytest.raises(AssertionError, match=r"pale"):
        audit(app)
    assert [line for line in app.page.evaluate(PALE, [["[id$=-status] p"], AA]) if "4.2" in line]
    app.page.evaluate("document.querySelector('#explain-status').innerHTML = ''")
    app.page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name"):
        audit(app)
