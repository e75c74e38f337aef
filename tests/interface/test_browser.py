"""What a visitor sees and does on one text, as walks in Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from driver import App, Held
from playwright.sync_api import Browser, expect

from explain.defaults import DEFAULT_METHODS
from explain.interface.presets import PRESETS
from explain.interface.tabs.answer import WINDOW
from explain.methods.catalog import METHODS, method_class
from explain.models import architectures
from explain.models.tasks import TASKS

pytestmark = pytest.mark.browser

OWN_TEXT = {
    "masked_lm": "London is the capital of [MASK].",
    "classification": "What a dull and tedious evening.",
    "next_token": "The young woman walked into the",
    "span_infilling": "He had a cup of <extra_id_0> in the morning.",
    "generation": "The government announced that",
    "embedding": "The dog slept in the garden.",
}
ATTACK = '<img src=x onerror="window.attacked=1">'
REMOTE = "![x](http://elsewhere.invalid/x.png)"
FIRST, SECOND = DEFAULT_METHODS[:2]


FIELDS = """fields => fields.map(field => ({
    method: field.dataset.method,
    name: field.dataset.option,
    value: field.type === "checkbox" ? field.checked : field.value,
    choices: [...(field.options || [])].map(option => option.value),
    bounds: [field.min || "", field.max || ""],
    help: document.getElementById(field.getAttribute("aria-describedby")).textContent,
}))"""


def test_the_first_answer_is_on_one_screen_and_tells_its_numbers(app: App) -> None:
    expect(app.open().page.locator("#notice")).to_contain_text("cannot be reached")
    for method in DEFAULT_METHODS:
        expect(app.tokens(method).first).to_be_visible()
    for part in ("status", "prediction", "verdict", "legend", *(f"row-{method}" for method in DEFAULT_METHODS), "fine", "run", "text"):
        box = app.part(part).bounding_box()
        assert box is not None
        assert box["y"] >= 0, part
        assert box["y"] + box["height"] <= 900, part
    places = {method: [token.bounding_box()["x"] for token in app.tokens(method).all()] for method in DEFAULT_METHODS}  # type: ignore[index]
    assert all(row == places[FIRST] for row in places.values())
    assert len(places[FIRST]) > 10
    heights = [app.row(method).bounding_box()["height"] for method in DEFAULT_METHODS]  # type: ignore[index]
    assert max(heights) < 45
    app.page.mouse.wheel(0, 700)
    app.page.wait_for_timeout(300)
    expect(app.text).to_be_in_viewport()

    table = app.page.locator("#tokens-table tbody tr")
    expect(table.first).to_be_visible()
    shown = [float(row.locator("td").first.inner_text()) for row in table.all()]
    first = [token.get_attribute("title") or "" for token in app.tokens(FIRST).all()]
    assert shown == pytest.approx([float(title.rsplit(": ", 1)[1]) for title in first], rel=1e-3, abs=1e-4)
    told = json.loads(app.part("fine").locator("details").get_attribute("data-tokens") or "{}")
    assert set(told) == set(DEFAULT_METHODS)

    token = app.tokens(FIRST).filter(has_text="delight")
    expect(token).to_have_attribute("title", re.compile(r"delight: [+-]\d"))
    token.hover()
    expect(app.page.locator("#explain-stage .token.hovered")).to_have_count(len(DEFAULT_METHODS))
    token.click()
    expect(app.page.locator("#explain-stage .token.chosen")).to_have_count(len(DEFAULT_METHODS))
    details = app.part("token")
    expect(details.locator("table")).to_contain_text("delight")
    expect(details.locator("thead th")).to_have_count(len(DEFAULT_METHODS) + 1)
    expect(details).to_contain_text("rank of")
    expect(details).to_contain_text("It attends most to")
    expect(app.page.locator("#tokens-table tr.chosen")).to_contain_text("delight")
    for view, plot in (("Attention", "attention-plot"), ("Paths", "paths-plot"), ("Layer by layer", "layers-tokens")):
        app.view(view)
        expect(app.plot(plot)).to_be_visible()
        assert "#c2185b" in app.plot(plot).evaluate("e => JSON.stringify(e.layout.shapes || []) + JSON.stringify(e.data)"), view
    app.tokens(FIRST).filter(has_text="boring").click()
    expect(details).to_contain_text("boring")
    app.row(FIRST).locator(".token").filter(has_text=re.compile(r"^\s+$")).first.click(force=True)
    expect(details).to_contain_text("white space")

    before = app.run_id()
    app.choose("also", "negative")
    app.wait(before)
    expect(app.row(FIRST)).to_contain_text("◂ positive")
    expect(app.row(FIRST)).to_contain_text("◂ negative")
    both = [token.get_attribute("title") for token in app.tokens(FIRST).all()]
    both = [title for title in both if title and "◂" not in title]
    assert len(both) == 2 * len(first)
    assert both[: len(first)] == first
    assert both[len(first) :] != first
    expect(app.row("attention")).not_to_contain_text("◂")
    app.tokens(FIRST).filter(has_text="delight").last.click()
    expect(details).to_contain_text("delight")
    expect(app.page.locator("#explain-row-lrp .token.chosen")).to_have_count(2)


def test_every_task_asks_its_own_and_explains_an_example_and_an_own_text(app: App, runs: list[str]) -> None:
    app.open()
    for task in ("classification", *(name for name in TASKS if name != "classification")):
        methods, examples, asked = PRESETS[task].methods, PRESETS[task].examples, TASKS[task].asks
        app.task(task)
        expect(app.status).to_contain_text("An example, explained")
        expect(app.text).to_have_value(examples[0].text)
        for method in methods:
            expect(app.row(method)).to_contain_text(method_class(method).title)
        assert runs == []
        if asked:
            app.unfold_asked()
            for name in ("target", "foil", "unit", "position", "step"):
                expect(app.part(name)).to_have_count(int(name in asked))
                if name in asked:
                    expect(app.part(name)).to_contain_text(asked[name])
        else:
            expect(app.page.locator("#tab-explain .asked")).to_have_count(0)

        app.explain(OWN_TEXT[task])
        expect(app.status).to_contain_text(re.compile(r"Explained .+ by \d methods in [\d.]+ s"))
        assert runs[: len(methods)] == list(methods)
        expect(app.page.locator("#explain-verdict")).to_contain_text(re.compile(r"(agree|faithful|rank)"))
        expect(app.part("legend")).to_contain_text("Why")
        for method in methods:
            expect(app.row(method).locator(".token.highlighted").first).to_be_visible()
            assert OWN_TEXT[task].split()[1] in "".join(app.words(method))
            assert app.words(method) == app.words(methods[0])
        if task in ("span_infilling", "generation"):
            expect(app.part("prediction")).to_contain_text("The model writes")
            written = app.page.locator("#explain-results").get_by_text(re.compile(r"[\d.<>]+ %"))
            expect(written.first).to_be_visible()
        elif task == "embedding":
            expect(app.part("prediction")).to_contain_text("A vector of")
        else:
            expect(app.part("prediction")).to_contain_text(re.compile(r"[\d.<>]+ %"))
        expect(app.toast).to_have_count(0)

        app.only(FIRST)
        expect(app.page.locator("#tab-explain .chips button").locator("visible=true")).to_have_count(len(examples))
        number, example = next(((n, e) for n, e in enumerate(examples) if e.target), (len(examples) - 1, examples[-1]))
        before = app.run_id()
        app.part(f"example-{number}").click()
        expect(app.text).to_have_value(example.text)
        app.wait(before)
        expect(app.status).to_contain_text("Explained")
        if example.target:
            app.unfold_asked()
            expect(app.box(app.part("target"))).to_have_value(example.target)
            expect(app.box(app.part("foil"))).to_have_value(example.foil or "")
        if example.foil:
            expect(app.part("legend")).to_contain_text("rather than")
        app.box(app.part("check")).check()
        runs.clear()


def test_every_method_and_every_option_can_be_chosen(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, object]] = []
    owner = method_class("integrated_gradients")
    attribute = owner.attribute

    def watched(self: object, *args: object) -> object:
        seen.append(self.options)  # type: ignore[attr-defined]
        return attribute(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(owner, "attribute", watched)
    field = next(field for field in owner.option_fields() if field.kind is int)
    app.open()
    expect(app.part("check")).to_contain_text("passes")
    app.page.locator("#options").get_by_role("button", name="Options of the methods").click()
    app.page.locator("#options summary", has_text=owner.title).click()
    fields = app.page.locator("#options-form [data-option]")
    expect(fields.first).to_be_attached()
    shown = {(each["method"], each["name"]): each for each in fields.evaluate_all(FIELDS)}
    for name, method in METHODS.items():
        for option in method.option_fields():
            told, default = shown.pop((name, option.name)), option.to_dict()["default"]
            assert told["value"] == (default if isinstance(default, bool) else "" if default is None else str(default))
            assert told["help"] == option.help
            assert told["choices"] == option.choices
            bounds = ["" if bound is None else str(bound) for bound in (option.minimum, option.maximum)]
            assert told["bounds"] == (bounds if option.kind in (int, float) else ["", ""])
    assert not shown

    app.write((app.page.get_by_label(field.name.replace("_", " "), exact=True).locator("visible=true"), "7"))
    for name in METHODS:
        app.method(name).check()
    app.explain(OWN_TEXT["classification"])
    assert [options[field.name] for options in seen] == [7]
    expect(app.status).to_contain_text(f"by {len(METHODS)} methods")
    app.part("fine").locator("summary").click()
    for method in METHODS.values():
        expect(app.row(method.name)).to_contain_text("evening")
        expect(app.part("fine").locator("dt", has_text=method.title).first).to_be_visible()
    expect(app.part("fine")).to_contain_text("pass")
    expect(app.part("fine")).to_contain_text("Faithfulness on this text")
    expect(app.page.locator("#explain-verdict")).to_contain_text("faithful")

    app.only(FIRST)
    app.text.fill("What a fine evening.")
    before = app.run_id()
    app.text.press("Shift+Enter")
    app.wait(before)
    expect(app.row(FIRST)).to_contain_text("fine")
    expect(app.row(SECOND)).to_be_hidden()
    expect(app.page.locator("#explain-verdict")).not_to_contain_text("faithful")
    expect(app.page.locator("#explain-verdict")).not_to_be_empty()


def test_display_choices_redraw_without_recomputing(app: App, runs: list[str]) -> None:
    app.open().task("masked_lm").explain("Antidisestablishmentarianism is a long [MASK].")
    computed = list(runs)
    assert computed == list(PRESETS["masked_lm"].methods)
    expect(app.row(FIRST)).to_contain_text("[CLS]")
    pieces = len(app.words(FIRST))
    app.box(app.part("words")).check()
    expect(app.tokens(FIRST).filter(has_text="Antidisestablishmentarianism")).to_have_count(1)
    assert len(app.words(FIRST)) < pieces
    app.box(app.part("special")).uncheck()
    expect(app.row(FIRST)).not_to_contain_text("[CLS]")
    expect(app.page.locator("#tokens-table tbody tr")).to_have_count(len(app.words(FIRST)))
    app.pick(app.page.locator("#tokens-view"), "heatmap")
    drawn = app.plot_values("tokens-plot")
    app.pick(app.part("scale"), "shared")
    app.wait_plot_changed("tokens-plot", drawn)
    drawn = app.plot_values("tokens-plot")
    app.pick(app.page.locator("#tokens-view"), "bars")
    app.wait_plot_changed("tokens-plot", drawn)
    assert runs == computed
    app.task("classification").only(FIRST)
    app.box(app.part("special")).check()
    app.pick(app.page.locator("#tokens-view"), "numbers")
    app.explain("good " * 420 + "but dull " + "film " * 20)
    where, blocks = app.page.locator("#explain-window-where"), app.page.locator("#explain-window-map .token")
    expect(where).to_contain_text(re.compile(r"Shown are [\d,]+ to [\d,]+ of 444 words"))
    expect(app.tokens(FIRST)).to_have_count(WINDOW)
    blocks.nth(44).focus()
    app.page.keyboard.press("Enter")
    expect(where).to_contain_text("Shown are 45 to 444")
    expect(app.page.locator("#explain-window-map .token.here").last).to_have_text(re.compile("441"))
    app.page.locator("#explain-window-earlier").click()
    expect(where).to_contain_text("Shown are 1 to 400")
    app.write((app.page.locator("#explain-window-find").locator("input, textarea").first, "DULL"))
    app.page.locator("#explain-window-find").locator("input, textarea").first.press("Enter")
    expect(where).to_contain_text("Place 1 of 1.")
    expect(app.part("token").locator("table")).to_contain_text("dull")
    expect(app.page.locator("#tokens-table tr.chosen")).to_contain_text("dull")


def test_views_are_computed_when_they_are_opened_and_follow_the_next_answer(app: App, runs: list[str], looked: list[str]) -> None:
    app.open()
    expect(app.page.locator("#tokens-table tbody tr").first).to_be_visible()
    app.view("Attention")
    expect(app.page.locator("#attention-received tbody tr").first).to_be_visible()
    for form in ("lines from query to key", "agreement with a method"):
        before = app.plot_values("attention-plot")
        app.pick(app.page.locator("#attention-form"), form)
        app.wait_plot_changed("attention-plot", before)
    app.pick(app.page.locator("#attention-form"), "heatmap")
    expect(app.page.locator("#attention-head")).to_be_visible()
    app.view("Paths")
    before = app.plot_values("paths-plot")
    app.pick(app.page.locator("#paths-kind"), "flow")
    app.wait_plot_changed("paths-plot", before)
    assert (runs, looked) == ([], [])
    app.view("Heads and layers")
    for plot in ("heads-map", "heads-skipped", "heads-curve"):
        expect(app.plot(plot)).to_be_visible()
    expect(app.page.locator("#heads-ranked tbody tr")).to_have_count(10)
    before = app.plot_values("heads-map")
    app.pick(app.page.locator("#heads-kind"), "the probability")
    app.wait_plot_changed("heads-map", before)
    app.page.locator("#heads-compare").click()
    expect(app.page.locator("#heads-difference")).to_contain_text("difference")
    assert looked == ["ablate"]
    before = app.plot_values("heads-map")
    app.pick(app.page.locator("#heads-off"), "its mean")
    app.wait_plot_changed("heads-map", before)
    app.view("Layer by layer")
    expect(app.page.locator("#layers-said")).to_contain_text("pushes towards the target")
    for view in ("value zeroing", "attention"):
        before = app.plot_values("layers-tokens")
        app.pick(app.page.locator("#layers-view"), view)
        app.wait_plot_changed("layers-tokens", before)
        expect(app.page.locator("#layers-said")).to_contain_text("Does not know the target")
    app.view("Heads and layers")
    expect(app.plot("heads-map")).to_be_visible()
    assert looked == ["ablate", "ablate", "read_layers"]
    app.view("Attention")
    before = app.plot_values("attention-plot")
    app.explain(OWN_TEXT["classification"])
    app.wait_plot_changed("attention-plot", before)
    expect(app.plot("attention-plot")).to_contain_text("evening")
    app.method("attention").uncheck()
    app.explain()
    expect(app.page.locator("#attention-note")).to_contain_text("There is no attention to look at")


def test_an_output_token_and_a_layer_hold_for_every_view(app: App, looked: list[str]) -> None:
    app.open().task("generation")
    titles = app.tokens(FIRST).nth(1).get_attribute("title")
    app.part("output").locator("label").nth(2).click()
    expect(app.tokens(FIRST).nth(1)).not_to_have_attribute("title", titles or "")
    app.pick(app.page.locator("#tokens-view"), "outputs x inputs")
    before = app.plot_values("tokens-plot")
    app.box(app.page.locator("#tokens-method")).click()
    app.page.get_by_role("option", name=method_class("occlusion").title, exact=True).click()
    app.wait_plot_changed("tokens-plot", before)
    app.view("Attention")
    before = app.plot_values("attention-plot")
    app.box(app.part("layer")).click()
    app.page.get_by_role("option", name="1", exact=True).click()
    app.wait_plot_changed("attention-plot", before)
    app.view("Layer by layer")
    expect(app.plot("layers-tokens")).to_be_visible()
    expect(app.plot("layers-lens")).to_be_visible()
    assert looked == ["read_layers"]
    before = app.plot_values("layers-lens")
    app.part("output").locator("label").nth(1).click()
    app.wait_plot_changed("layers-lens", before)
    assert looked == ["read_layers", "read_layers"]
    answer = app.page.locator("#explain-passage-text .token.highlighted")
    chosen = [answer.nth(1).inner_text().strip(), answer.nth(2).inner_text().strip()]
    answer.nth(1).click()
    expect(app.page.locator("#explain-passage-run")).to_be_enabled()
    answer.nth(2).click()
    expect(answer.nth(2)).to_have_css("background-color", "rgb(243, 198, 215)")
    before = app.run_id()
    app.page.locator("#explain-passage-run").click()
    app.wait(before)
    expect(app.status).to_contain_text(f"Explained {' '.join(chosen)} by")
    app.unfold_asked()
    expect(app.part("span").locator("input, textarea").first).to_have_value(re.compile(r"characters \d+ to \d+"))


@dataclass(frozen=True)
class Bad:
    """An input that cannot be used, and what the page says of it."""

    task: str
    message: str
    text: str | None = None
    boxes: tuple[tuple[str, str], ...] = ()
    no_method: bool = False


BAD = [
    Bad("masked_lm", "The text is empty", text="   "),
    Bad("masked_lm", "Shorten it by at least", text="[MASK] " + "word " * 2000 + "[MASK]"),
    Bad("masked_lm", "Mask 3 was asked for", boxes=(("position", "3"),)),
    Bad("masked_lm", "neither a bundled model", boxes=(("model", "no such model!"),)),
    Bad("masked_lm", "No method was chosen", no_method=True),
    Bad("span_infilling", "The text has no blank", text="She went to the store."),
    Bad("classification", "'angry' is not a label of", boxes=(("target", "angry"),)),
    Bad("classification", "a contrast needs two", boxes=(("target", "positive"), ("foil", "positive"))),
    Bad("masked_lm", ATTACK, boxes=(("target", ATTACK),)),
    Bad("masked_lm", REMOTE, boxes=(("model", REMOTE),)),
]


def test_a_bad_input_is_told_markup_is_only_text_and_nothing_is_lost(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.open()
    task = "classification"
    for bad in BAD:
        if bad.task != task:
            app.task(task := bad.task)
        text = OWN_TEXT[bad.task] if bad.text is None else bad.text
        app.text.fill(text)
        app.unfold_asked()
        for name, value in bad.boxes:
            app.choose(name, value)
        if bad.no_method:
            for method in PRESETS[bad.task].methods:
                app.method(method).uncheck()
        app.wait(app.start(), "failed")
        expect(app.toast.first).to_contain_text(bad.message)
        expect(app.status).to_contain_text("Not explained")
        expect(app.status).to_contain_text(bad.message)
        expect(app.page.locator("body")).not_to_contain_text("Traceback")
        expect(app.part("results")).to_be_hidden()
        expect(app.text).to_have_value(text)
        for name, value in bad.boxes:
            expect(app.box(app.part(name))).to_have_value(value)
        app.close_toasts()
        for name, _ in bad.boxes:
            app.choose(name, {"model": "bert-mini"}.get(name, ""))
        if bad.no_method:
            app.method(FIRST).check()
    assert app.page.evaluate("window.attacked === undefined")
    app.explain(OWN_TEXT["masked_lm"])

    for task, blank in (("masked_lm", " [MASK]"), ("span_infilling", " <extra_id_0>"), ("generation", "")):
        app.task(task).only(FIRST).explain(f"{ATTACK}{blank} **bold** <b>")
        assert "onerror" in "".join(app.words(FIRST))
        app.tokens(FIRST).filter(has_text="on").first.click()
        expect(app.part("token").locator("table")).to_be_visible()
    app.unfold_asked()
    for markup in (ATTACK, REMOTE):
        app.choose("target", markup)
        app.explain("A text.")
        expect(app.part("prediction")).to_contain_text(markup)
    assert app.page.evaluate("window.attacked === undefined")
    expect(app.page.locator('img[src="x"]')).to_have_count(0)

    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    with monkeypatch.context() as patch:
        patch.setattr(method_class(FIRST), "attribute", broken)
        app.text.fill(OWN_TEXT["generation"])
        app.wait(app.start(), "failed")
        expect(app.toast).to_contain_text(re.compile("in the log as reference [0-9a-f]+"))
        expect(app.page.locator("body")).not_to_contain_text("secret detail")
    app.explain()


def test_a_long_text_is_cut_and_the_page_says_what_is_left_out(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architectures, "maximum_length", lambda *_: 32)
    cases = [
        ("classification", "A good film. " + "word " * 60 + "last of all", None, "words)"),
        ("next_token", "word " * 60 + "at the end of the", "word word”", None),
        ("masked_lm", "one " * 40 + "Paris is the capital of [MASK]. " + "two " * 40, "one one”", "“two two"),
    ]
    app.open()
    for task, text, before, after in cases:
        app.task(task).only(FIRST).explain(text)
        expect(app.part("prediction")).to_contain_text("The text was cut")
        for side, words in (("before", before), ("after", after)):
            said = expect(app.part("prediction"))
            (said.not_to_contain_text if words is None else said.to_contain_text)(f"Left out {side}")
            if words is not None:
                expect(app.part("prediction")).to_contain_text(words)
        expect(app.text).to_have_value(text)
        app.explain(OWN_TEXT[task])
        expect(app.part("prediction")).not_to_contain_text("The text was cut")


def test_results_stream_in_and_stop_keeps_them(app: App, hold: Callable[[str], Held]) -> None:
    app.open()
    held = hold(SECOND)
    app.text.fill(OWN_TEXT["classification"])
    before = app.start()
    expect(app.row(FIRST)).to_contain_text("evening")
    expect(app.part("prediction")).to_contain_text("%")
    expect(app.status).to_contain_text(f"{method_class(SECOND).title} is running")
    assert held.entered.is_set()
    expect(app.row(SECOND)).to_be_hidden()
    app.part("stop").click()
    expect(app.part("stop")).to_have_count(0)
    app.wait(before, "stopped")
    held.released.set()
    app.page.wait_for_timeout(1500)
    expect(app.status).to_contain_text("Stopped.")
    expect(app.row(SECOND)).to_be_hidden()
    expect(app.row(FIRST)).to_contain_text("evening")
    app.explain()
    expect(app.row(SECOND)).to_contain_text("evening")


def test_two_visitors_see_their_own_answers(app: App, browser: Browser, app_url: str) -> None:
    context = browser.new_context()
    try:
        other = App(context.new_page(), app_url)
        app.open()
        other.open()
        for one, text in ((app, "A fine film."), (other, "A dull evening.")):
            one.text.fill(text)
        waiting = [(one, one.start()) for one in (app, other)]
        for one, before in waiting:
            one.wait(before)
        assert "fine" in app.words(FIRST)
        assert "dull" in other.words(FIRST)
    finally:
        context.close()
