"""What a visitor sees and does, in Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from driver import App, Held
from playwright.sync_api import expect

from explain.defaults import DEFAULT_METHODS
from explain.interface.presets import PRESETS, Example
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


@pytest.mark.parametrize("task", TASKS)
def test_a_visitor_explains_an_own_text(app: App, task: str) -> None:
    app.open(task)
    app.text.fill(OWN_TEXT[task])
    app.explain()
    expect(app.part("status")).to_contain_text(re.compile(r"Explained .+ by \d methods in [\d.]+ s"))
    if task != "embedding":
        expect(app.part("prediction")).to_be_visible()
        expect(app.part("prediction")).to_contain_text(re.compile(r"\d+%"))
    for method in PRESETS[task].methods:
        expect(app.part(f"text-{method}")).to_be_visible()
        expect(app.part(f"text-{method}").locator(".token.highlighted").first).to_be_visible()
        expect(app.part(f"text-{method}")).to_contain_text(OWN_TEXT[task].split()[1], ignore_case=True)
    expect(app.plot("heatmap")).to_be_visible()
    expect(app.plot("attention")).to_be_visible()
    expect(app.text).to_have_value(OWN_TEXT[task])
    expect(app.toast).to_have_count(0)


@pytest.mark.parametrize("task", ["span_infilling", "generation"])
def test_a_sequence_shows_its_outputs_against_its_inputs(app: App, task: str) -> None:
    app.open(task).explain()
    before = app.plot_values("outputs")
    app.part("outputs-method").get_by_label(method_class(SECOND).title, exact=True).check()
    app.wait_plot_changed("outputs", before)


def test_the_headline_keeps_the_case_of_the_answer(app: App) -> None:
    app.open("generation")
    app.unfold_target()
    app.choose("target", " The Federal Government")
    app.explain()
    expect(app.part("headline")).to_contain_text("pushes towards The Federal Government")


def test_the_first_example_runs_with_one_click_and_enter_works_too(app: App) -> None:
    app.open("masked_lm").explain()
    expect(app.text).to_have_value(PRESETS["masked_lm"].examples[0].text)
    app.text.press("Shift+Enter")
    expect(app.part("status")).to_contain_text("Explained")


def test_the_notice_says_that_the_hub_is_out_of_reach(app: App) -> None:
    app.open("masked_lm")
    expect(app.page.locator("#notice")).to_contain_text("cannot be reached")


@pytest.mark.parametrize("task", ["masked_lm", "next_token"])
def test_every_method_shows_tokens_and_how_exact_it_is(app: App, task: str) -> None:
    app.open(task)
    for method in METHODS:
        app.part("methods").get_by_label(method.title, exact=True).check()
    app.explain()
    expect(app.part("status")).to_contain_text(f"by {len(METHODS)} methods")
    for method in METHODS:
        expect(app.tokens(method.name).first).to_be_visible()
        expect(app.part(f"note-{method.name}")).to_contain_text("pass")
        expect(app.part("heatmap")).to_contain_text(method.title)


def test_results_stream_in_method_by_method(app: App, hold: Callable[[str], Held]) -> None:
    held = hold(SECOND)
    app.open("masked_lm")
    app.start()
    expect(app.tokens(FIRST).first).to_be_visible()
    expect(app.part("prediction")).to_contain_text("%")
    expect(app.part("status")).to_contain_text(f"{method_class(SECOND).title} is running")
    assert held.entered.is_set()
    assert not held.released.is_set()
    expect(app.tokens(SECOND)).to_have_count(0)
    held.released.set()
    app.wait_explained()
    expect(app.tokens(SECOND).first).to_be_visible()


def test_display_choices_redraw_without_recomputing(app: App, runs: list[str]) -> None:
    app.open("masked_lm")
    app.text.fill("Antidisestablishmentarianism is a long [MASK].")
    app.explain()
    computed = list(runs)
    assert computed == list(DEFAULT_METHODS)
    expect(app.part(f"text-{FIRST}")).to_contain_text("[CLS]")
    pieces, drawn = len(app.words(FIRST)), app.plot_values("heatmap")

    app.box("merge").check()
    app.wait_plot_changed("heatmap", drawn)
    expect(app.part(f"text-{FIRST}").locator(".token", has_text="Antidisestablishmentarianism")).to_have_count(1)
    assert len(app.words(FIRST)) < pieces

    drawn = app.plot_values("heatmap")
    app.box("special").uncheck()
    app.wait_plot_changed("heatmap", drawn)
    expect(app.part(f"text-{FIRST}")).not_to_contain_text("[CLS]")

    drawn = app.plot_values("heatmap")
    app.part("scale").get_by_label("shared").check()
    app.wait_plot_changed("heatmap", drawn)

    drawn = app.plot_values("heatmap")
    app.part("view").get_by_label("bars").check()
    app.wait_plot_changed("heatmap", drawn)
    app.wait_explained()
    assert runs == computed


def test_clicking_a_token_shows_its_numbers_in_every_method(app: App) -> None:
    app.open("masked_lm").explain()
    expect(app.plot("attention")).to_be_visible()
    app.page.wait_for_timeout(1000)
    app.tokens(SECOND).filter(has_text="capital").first.click()
    details = app.part("details")
    expect(details.locator("table")).to_be_visible()
    expect(details).to_contain_text("capital")
    expect(details).to_contain_text("It attends most to")
    expect(details.locator("tbody tr")).to_have_count(len(DEFAULT_METHODS))
    for row, method in enumerate(DEFAULT_METHODS):
        expect(details.locator("tbody tr").nth(row)).to_contain_text(method_class(method).title)
        expect(details.locator("tbody tr").nth(row)).to_contain_text(re.compile(r"[+-]\d[\s\S]*\d+ of \d+"))


def test_clicking_white_space_says_so(app: App) -> None:
    app.open("masked_lm").explain()
    app.tokens(FIRST).filter(has_text=re.compile(r"^\s+$")).first.click(force=True)
    expect(app.part("details")).to_contain_text("white space")


@pytest.mark.parametrize("choice", ["layer", "head"])
@pytest.mark.parametrize("task", ["masked_lm", "next_token", "span_infilling"])
def test_layer_and_head_change_the_attention_plot(app: App, runs: list[str], task: str, choice: str) -> None:
    app.open(task).explain()
    before, computed = app.plot_values("attention"), len(runs)
    app.box(choice).click()
    app.page.get_by_role("option", name="1", exact=True).locator("visible=true").click()
    app.wait_plot_changed("attention", before)
    assert len(runs) == computed


@pytest.mark.parametrize("task", ["classification", "generation"])
def test_attention_can_be_drawn_as_lines(app: App, task: str) -> None:
    app.open(task).explain()
    before = app.plot_values("attention")
    app.part("attention-form").get_by_label("lines").check()
    app.wait_plot_changed("attention", before)


@pytest.mark.parametrize("task", ["masked_lm", "span_infilling"])
def test_the_network_is_drawn_when_it_is_opened(app: App, task: str) -> None:
    app.open(task).explain()
    app.part("network-part").get_by_role("button", name=re.compile("How tokens reach")).click()
    expect(app.plot("network")).to_be_visible()
    before = app.plot_values("network")
    app.part("kind").get_by_label("flow").check()
    app.wait_plot_changed("network", before)


PARTS = {
    "alignment": ("alignment-part", ["alignment"]),
    "ablation": ("ablation-part", ["ablation-heads", "ablation-layers", "ablation-curve"]),
    "layers": ("layers-part", ["lens", "layers-tokens"]),
}


def unfold(app: App, part: str) -> None:
    app.part(part).get_by_role("button").first.click()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("task", ["classification", "generation"])
def test_a_part_inside_is_computed_when_it_is_opened(app: App, task: str, part: str, looked: list[str]) -> None:
    app.open(task).explain()
    expect(app.part("received").locator("tbody tr").first).to_be_visible()
    assert looked == []
    place, plots = PARTS[part]
    unfold(app, place)
    for plot in plots:
        expect(app.plot(plot)).to_be_visible()
    assert looked == {"alignment": [], "ablation": ["ablated"], "layers": ["layered"]}[part]
    unfold(app, place)
    unfold(app, place)
    expect(app.plot(plots[0])).to_be_visible()
    assert len(looked) <= 1


def test_a_head_that_is_off_changes_the_scores_shown(app: App) -> None:
    app.open("classification").explain()
    unfold(app, "ablation-part")
    expect(app.part("ablation-ranked").locator("tbody tr")).to_have_count(10)
    before = app.plot_values("ablation-heads")
    app.part("ablation-kind").get_by_label("the probability").check()
    app.wait_plot_changed("ablation-heads", before)
    app.part("ablation-compare").click()
    expect(app.plot("ablation-difference")).to_be_visible()
    expect(app.part("ablation-difference")).to_contain_text("difference")
    before = app.plot_values("ablation-heads")
    app.part("ablation-off").get_by_label("its mean").check()
    app.wait_plot_changed("ablation-heads", before)


def test_every_view_by_layer_says_whether_it_knows_the_target(app: App) -> None:
    app.open("masked_lm").explain()
    unfold(app, "layers-part")
    expect(app.part("layers-note")).to_contain_text("pushes towards the target")
    for view in ("value zeroing", "attention"):
        before = app.plot_values("layers-tokens")
        app.part("layers-view").get_by_label(view, exact=True).check()
        app.wait_plot_changed("layers-tokens", before)
        expect(app.part("layers-note")).to_contain_text("Does not know the target")


@pytest.mark.parametrize("task", TASKS)
def test_example_chips_fill_text_target_and_foil(app: App, task: str) -> None:
    app.open(task)
    examples = PRESETS[task].examples
    chips = app.page.locator(f"#tab-{task} .chip")
    expect(chips).to_have_count(len(examples))
    for number in (*range(1, len(examples)), 0):
        example: Example = examples[number]
        chips.nth(number).click()
        expect(app.text).to_have_value(example.text)
        if PRESETS[task].target_label is None:
            continue
        app.unfold_target()
        expect(app.box("target")).to_have_value(example.target or "")
        expect(app.box("foil")).to_have_value(example.foil or "")


@dataclass(frozen=True)
class Contrast:
    task: str
    text: str
    target: str
    foil: str


@pytest.mark.parametrize(
    "asked",
    [
        Contrast("masked_lm", "The keys to the cabinet [MASK] on the table.", "are", "is"),
        Contrast("classification", "It is not a good movie.", "positive", "negative"),
        Contrast("next_token", "The keys to the cabinet", " are", " is"),
        Contrast("span_infilling", "She went to the <extra_id_0> to buy some bread.", "store", "house"),
        Contrast("generation", "The president said that", " the country was ready", " his country was ready"),
    ],
    ids=lambda asked: asked.task,
)
def test_a_contrast_is_named(app: App, asked: Contrast) -> None:
    app.open(asked.task)
    app.text.fill(asked.text)
    app.unfold_target()
    app.choose("target", asked.target)
    app.choose("foil", asked.foil)
    app.explain()
    expect(app.part("status")).to_contain_text("rather than")
    expect(app.part("headline")).to_contain_text("rather than")


@dataclass(frozen=True)
class Bad:
    """An input that cannot be used, and what the page says of it."""

    name: str
    task: str
    message: str
    text: str | None = None
    boxes: tuple[tuple[str, str], ...] = ()
    no_method: bool = False


BAD = [
    *(Bad(f"empty-{task}", task, "The text is empty", text="   ") for task in ("masked_lm", "generation")),
    Bad("no-mask", "masked_lm", "The text has no mask", text="Paris is the capital of France."),
    Bad("no-blank", "span_infilling", "The text has no blank", text="She went to the store."),
    Bad("unknown-word", "masked_lm", "'qwrtzx' is not", boxes=(("target", "qwrtzx"),)),
    Bad("unknown-label", "classification", "'angry' is not a label of", boxes=(("target", "angry"),)),
    Bad("same-foil", "classification", "a contrast needs two", boxes=(("target", "positive"), ("foil", "positive"))),
    Bad("unknown-token", "next_token", "is not one token of", boxes=(("target", "antidisestablishment"),)),
    Bad("blanks-too-far-apart", "masked_lm", "Shorten it by at least", text="[MASK] " + "word " * 2000 + "[MASK]"),
    Bad("unknown-model", "masked_lm", "neither a bundled model", boxes=(("model", "no such model!"),)),
    Bad("model-of-another-task", "masked_lm", "no trained head for masked_lm", boxes=(("model", "gpt2-mini"),)),
    Bad("no-method", "masked_lm", "No method was chosen", no_method=True),
    Bad("mask-out-of-range", "masked_lm", "Mask 3 was asked for", boxes=(("position", "3"),)),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_input_is_told_and_nothing_is_lost(app: App, bad: Bad) -> None:
    app.open(bad.task)
    text = PRESETS[bad.task].examples[0].text if bad.text is None else bad.text
    app.text.fill(text)
    if any(name != "model" for name, _ in bad.boxes):
        app.unfold_target()
    for name, value in bad.boxes:
        app.choose(name, value)
    if bad.no_method:
        for method in PRESETS[bad.task].methods:
            app.part("methods").get_by_label(method_class(method).title, exact=True).uncheck()
    app.start()
    expect(app.toast).to_contain_text(bad.message)
    expect(app.page.locator("body")).not_to_contain_text("Traceback")
    expect(app.part("status")).to_contain_text("Not explained")
    expect(app.part("status")).to_contain_text(bad.message)
    expect(app.text).to_have_value(text)
    for name, value in bad.boxes:
        expect(app.box(name)).to_have_value(value)

    app.page.get_by_test_id("toast-close").first.click()
    app.text.fill(PRESETS[bad.task].examples[0].text)
    for name, _ in bad.boxes:
        app.choose(name, {"model": "bert-mini", "position": "0"}.get(name, ""))
    if bad.no_method:
        app.part("methods").get_by_label(method_class(FIRST).title, exact=True).check()
    app.explain()


@pytest.mark.parametrize(
    ("task", "text", "before", "after"),
    [
        ("next_token", "word " * 60 + "at the end of the", "word word”", None),
        ("classification", "A good film. " + "word " * 60 + "last of all", None, "words)"),
        ("masked_lm", "one " * 40 + "Paris is the capital of [MASK]. " + "two " * 40, "one one”", "“two two"),
    ],
)
def test_a_long_text_is_cut_and_the_page_says_what_is_left_out(
    app: App, task: str, text: str, before: str | None, after: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(architectures, "maximum_length", lambda *_: 32)
    app.open(task)
    app.text.fill(text)
    app.explain()
    expect(app.part("headline")).to_contain_text("The text was cut")
    for side, words in (("before", before), ("after", after)):
        if words is None:
            expect(app.part("headline")).not_to_contain_text(f"Left out {side}")
        else:
            expect(app.part("headline")).to_contain_text(f"Left out {side}")
            expect(app.part("headline")).to_contain_text(words)
    expect(app.text).to_have_value(text)

    app.text.fill(OWN_TEXT[task])
    app.explain()
    expect(app.part("headline")).not_to_contain_text("The text was cut")


def test_an_error_of_ours_is_told_by_a_reference(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    with monkeypatch.context() as patch:
        patch.setattr(method_class(FIRST), "attribute", broken)
        app.open("masked_lm").start()
        expect(app.toast).to_contain_text(re.compile("in the log as reference [0-9a-f]{4}"))
        expect(app.page.locator("body")).not_to_contain_text("secret detail")
    app.explain()


def not_attacked(app: App) -> None:
    assert app.page.evaluate("window.attacked === undefined")
    expect(app.page.locator('img[src="x"]')).to_have_count(0)


@pytest.mark.parametrize("task", ["masked_lm", "span_infilling", "generation"])
def test_markup_in_the_text_is_only_text(app: App, task: str) -> None:
    app.open(task)
    blank = {"masked_lm": " [MASK]", "span_infilling": " <extra_id_0>"}.get(task, "")
    app.text.fill(f"{ATTACK}{blank} **bold** <b>")
    app.explain()
    expect(app.plot("attention")).to_be_visible()
    app.page.wait_for_timeout(1000)
    app.tokens(SECOND).filter(has_text="on").first.click()
    expect(app.part("details").locator("table")).to_be_visible()
    not_attacked(app)


@pytest.mark.parametrize("markup", [ATTACK, REMOTE], ids=["html", "markdown"])
@pytest.mark.parametrize(("task", "box"), [("masked_lm", "target"), ("classification", "foil"), ("masked_lm", "model")])
def test_markup_in_an_error_is_only_text(app: App, task: str, box: str, markup: str) -> None:
    app.open(task)
    if box != "model":
        app.unfold_target()
    app.choose(box, markup)
    app.start()
    expect(app.toast).to_contain_text(markup)
    expect(app.part("status")).to_contain_text(markup)
    not_attacked(app)


@pytest.mark.parametrize("markup", [ATTACK, REMOTE], ids=["html", "markdown"])
def test_markup_as_a_given_output_is_only_text(app: App, markup: str) -> None:
    app.open("generation")
    app.unfold_target()
    app.choose("target", markup)
    app.explain()
    expect(app.part("headline")).to_contain_text(markup)
    not_attacked(app)


def test_stop_ends_a_run_and_the_page_explains_again(app: App, hold: Callable[[str], Held]) -> None:
    held = hold(SECOND)
    app.open("masked_lm")
    expect(app.part("stop")).to_have_count(0)
    app.start()
    expect(app.tokens(FIRST).first).to_be_visible()
    app.part("stop").click()
    expect(app.part("stop")).to_have_count(0)
    expect(app.part("status")).to_contain_text("Stopped.")
    held.released.set()
    app.page.wait_for_timeout(3000)
    expect(app.part("status")).to_contain_text("Stopped.")
    expect(app.tokens(SECOND)).to_have_count(0)
    app.explain()
    expect(app.tokens(SECOND).first).to_be_visible()


def test_an_option_reaches_its_method(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, object]] = []
    owner = method_class("integrated_gradients")
    attribute = owner.attribute

    def watched(self: object, *args: object) -> object:
        seen.append(self.options)  # type: ignore[attr-defined]
        return attribute(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(owner, "attribute", watched)
    field = next(field for field in owner.option_fields() if field.kind is int)
    app.open("masked_lm")
    app.page.locator("#options").get_by_role("button", name="Options of the methods").click()
    app.page.locator("#options").get_by_role("button", name=owner.title).click()
    number = app.page.locator(f"#option-{owner.name}-{field.name} input")
    expect(number).to_have_value(str(field.default))
    app.page.wait_for_timeout(500)  # the page still sets the value of a box that has just been unfolded
    number.fill("7")
    number.press("Tab")
    expect(number).to_have_value("7")
    app.explain()
    assert [options[field.name] for options in seen] == [7]


def test_tabs_keep_their_own_results(app: App) -> None:
    app.open("masked_lm").explain()
    app.show("classification")
    expect(app.part("status")).to_contain_text("Press Explain")
    app.explain()
    app.show("masked_lm")
    expect(app.part("status")).to_contain_text("Explained")
    expect(app.tokens(FIRST).first).to_be_visible()


CONTRAST = """token => {
    const parse = color => (color.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const layers = [];
    for (let e = token; e; e = e.parentElement) layers.unshift(parse(getComputedStyle(e).backgroundColor));
    let ground = [255, 255, 255];
    for (const [r, g, b, a = 1] of layers) ground = ground.map((v, i) => v * (1 - a) + [r, g, b][i] * a);
    const light = color => color.slice(0, 3)
        .map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const inner = token.querySelector('.text') || token;
    const pair = [light(ground), light(parse(getComputedStyle(inner).color))].sort((a, b) => b - a);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_tokens_can_be_read_on_their_colour(app: App, theme: str) -> None:
    app.open("masked_lm", theme=theme).explain()
    expect(app.tokens(FIRST).first).to_be_visible()
    for method in DEFAULT_METHODS:
        for token in app.part(f"text-{method}").locator(".token.highlighted").all():
            assert token.evaluate(CONTRAST) >= 4.5, (method, token.inner_text())
