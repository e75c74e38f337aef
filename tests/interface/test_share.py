"""What a visitor takes along opens again: links, code, files and cards."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import pytest
from driver import App
from gradio_client import Client
from playwright.sync_api import Page, expect

from explain import TokenExplainer
from explain.sharing.card import read
from explain.models.tasks import TASKS
from explain.sharing.permalink import encode
from explain.sharing.replay import replay
from explain.sharing.request import Request

pytestmark = pytest.mark.browser
KEYS = "The keys to the cabinet [MASK] on the table."


def take(app: App) -> None:
    app.part("share-part").get_by_role("button").first.click()
    expect(app.part("link").locator("textarea, input").first).to_have_value(re.compile(r"\?task="))


def code(app: App, name: str) -> str:
    """What a code view holds."""
    lines: list[str] = app.part(name).locator(".cm-line").all_inner_texts()
    return "\n".join(line.replace("\n", "") for line in lines)


def contrast(app: App) -> None:
    app.open("masked_lm")
    app.text.fill(KEYS)
    app.unfold_target()
    app.choose("target", "are")
    app.choose("foil", "is")
    app.part("methods").get_by_label("SHAP", exact=True).check()
    app.explain()


def test_a_link_opens_the_same_question_and_asks_it(app: App) -> None:
    contrast(app)
    take(app)
    link = app.part("link").locator("textarea, input").first.input_value()
    scores = app.plot_values("heatmap")
    app.page.goto("about:blank")
    app.page.goto(link)
    app.wait_explained()
    expect(app.text).to_have_value(KEYS)
    expect(app.box("target")).to_have_value("are")
    expect(app.box("foil")).to_have_value("is")
    expect(app.part("methods").get_by_label("SHAP", exact=True)).to_be_checked()
    assert json.loads(app.plot_values("heatmap")) == json.loads(scores)


@pytest.mark.parametrize(("value", "said"), [("2.abc", "begin with"), ("1.abc", "damaged")])
def test_a_broken_link_says_so_and_the_page_works(app: App, value: str, said: str) -> None:
    app.page.goto(f"{app.url}?task=masked_lm&q={value}")
    expect(app.toast).to_contain_text(said)
    app.show("masked_lm")
    app.explain()


@pytest.mark.parametrize("task", TASKS)
def test_a_link_opens_the_tab_of_its_task_and_the_shown_code_gives_the_shown_numbers(app: App, task: str) -> None:
    text = {"masked_lm": KEYS, "span_infilling": "He had ___ in the morning."}.get(task, "The dog slept.")
    model = {"next_token": "gpt2-mini", "generation": "gpt2-mini", "span_infilling": "t5-mini"}.get(task, "bert-mini")
    methods = ["attention", "integrated_gradients"]
    request = Request(task, text, model, methods, options={"integrated_gradients": {"steps": 9}})
    app.task = task
    app.page.goto(f"{app.url}?task={task}&q={encode(request)}")
    app.wait_explained()
    expect(app.text).to_have_value(text)
    expect(app.part("status")).to_contain_text("by 2 methods")
    take(app)
    assert re.search(r"""["']steps["']: 9""", code(app, "python"))
    own: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code(app, "python"), own)
        client: dict[str, object] = {}
        exec(code(app, "client"), client)
    explanation, result = own["explanation"], client["result"]
    assert isinstance(result, dict)
    assert isinstance(client["client"], Client)
    client["client"].close()
    own["explainer"].close()  # type: ignore[attr-defined]
    for attribution in explanation:  # type: ignore[attr-defined]
        assert result["methods"][attribution.method]["scores"] == pytest.approx(attribution.scores.tolist(), abs=1e-6)
    file = _download(app.page, app, "json")
    shown = json.loads(file.read_text(encoding="utf-8"))
    for name, method in shown["methods"].items():
        assert result["methods"][name]["scores"] == pytest.approx(method["scores"], abs=1e-6)


def _download(page: Page, app: App, kind: str) -> Path:
    with page.expect_download() as download:
        app.part(f"file-{kind}").click()
    return Path(download.value.path())


def test_every_file_holds_the_explanation(app: App) -> None:
    contrast(app)
    take(app)
    assert _download(app.page, app, "csv").read_text().startswith("token,start,end,special,segment,attention")
    page = _download(app.page, app, "html").read_text()
    assert "are rather than is" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert _download(app.page, app, "png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in _download(app.page, app, "svg").read_text()
    values = read(_download(app.page, app, "card"))
    assert values["question"]["foil"] == "is"
    assert replay(values).equal


def test_a_card_is_replayed_on_the_page_and_by_the_endpoints(app: App, client: Client, tmp_path: Path) -> None:
    card = client.predict("A fine film.", methods=["lrp", "shap"], options={"shap": {"seed": 3}}, api_name="/card")
    result = client.predict(card, api_name="/replay")
    assert result["equal"]
    assert {difference["method"] for difference in result["differences"]} >= {"lrp", "shap"}
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        scores = explainer.analyze("A fine film.", ["lrp"])["lrp"].scores
    assert card["methods"][0]["scores"] == pytest.approx(scores.tolist(), abs=1e-6)
    path = tmp_path / "card.json"
    path.write_text(json.dumps(card), encoding="utf-8")
    card["methods"][0]["scores"][1] += 0.5
    tampered = tmp_path / "tampered.json"
    tampered.write_text(json.dumps(card), encoding="utf-8")
    app.open("masked_lm")
    app.page.locator("#replay").get_by_role("button").first.click()
    report = app.page.locator("#replay-report")
    app.page.locator("#replay-card input[type=file]").set_input_files(path)
    expect(report).to_contain_text("✅ Equal")
    app.page.reload()
    app.show("masked_lm")
    app.page.locator("#replay").get_by_role("button").first.click()
    app.page.locator("#replay-card input[type=file]").set_input_files(tampered)
    expect(report).to_contain_text("Not equal")
    with pytest.raises(Exception, match="The card"):
        client.predict({"format": 1}, api_name="/replay")
