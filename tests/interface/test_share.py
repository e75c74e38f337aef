"""What a visitor takes along opens again: links, code, files and cards."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import pytest
from driver import TIMEOUT, App
from gradio_client import Client
from playwright.sync_api import expect

from explain import TokenExplainer
from explain.sharing.card import read
from explain.sharing.permalink import encode
from explain.sharing.replay import replay
from explain.sharing.request import Request
from explain.types import Question

pytestmark = pytest.mark.browser
KEYS = "The keys to the cabinet [MASK] on the table."


def code(app: App, name: str) -> str:
    """What a code view holds."""
    lines: list[str] = app.page.locator(f"#take-{name} .cm-line").all_inner_texts()
    return "\n".join(line.replace("\n", "") for line in lines)


def download(app: App, kind: str) -> Path:
    with app.page.expect_download() as given:
        app.page.locator(f"#take-{kind}").click()
    return Path(given.value.path())


def link(app: App) -> str:
    box = app.page.locator("#take-link").locator("textarea, input").first
    expect(box).to_have_value(re.compile(r"\?task="))
    return box.input_value()


def follow(app: App, query: str) -> None:
    """Open a link and wait for the answer to its question."""
    app.page.goto("about:blank")
    app.page.goto(query)
    expect(app.status).to_contain_text(re.compile(r"Explained .+ in [\d.]+ s"), timeout=3 * TIMEOUT)


def test_an_answer_is_taken_along_and_opened_again(app: App) -> None:
    app.open().task("masked_lm")
    app.text.fill(KEYS)
    app.unfold_asked()
    app.choose("target", "are")
    app.choose("foil", "is")
    app.method("input_x_gradient").check()
    app.explain()
    app.view("Take along")
    address = link(app)
    assert download(app, "csv").read_text().startswith("token,start,end,special,segment,lrp")
    page = download(app, "html").read_text()
    assert "are rather than is" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert download(app, "png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in download(app, "svg").read_text()
    values = read(download(app, "card"))
    assert values["question"]["foil"] == "is"
    assert replay(values).equal
    shown = json.loads(download(app, "json").read_text(encoding="utf-8"))
    follow(app, address)
    expect(app.text).to_have_value(KEYS)
    app.unfold_asked()
    expect(app.box(app.part("target"))).to_have_value("are")
    expect(app.box(app.part("foil"))).to_have_value("is")
    expect(app.method("input_x_gradient")).to_be_checked()
    app.view("Take along")
    link(app)
    again = json.loads(download(app, "json").read_text(encoding="utf-8"))
    for name, method in shown["methods"].items():
        assert again["methods"][name]["scores"] == pytest.approx(method["scores"], abs=1e-6)


@pytest.mark.parametrize("task", ["generation", "embedding"])
def test_a_link_asks_its_question_and_the_shown_code_gives_the_shown_numbers(app: App, task: str) -> None:
    model = {"generation": "gpt2-mini"}.get(task, "bert-mini")
    question = Question("The dog slept.", target=" It was" if task == "generation" else None)
    request = Request(
        task, model, question, ["integrated_gradients", "attention"], {"integrated_gradients": {"steps": 9, "tolerance": 0.1}}
    )
    follow(app, f"{app.url}?task={task}&q={encode(request)}")
    expect(app.text).to_have_value("The dog slept.")
    expect(app.status).to_contain_text("by 2 methods")
    app.view("Take along")
    link(app)
    assert re.search(r"""["']steps["']: 9""", code(app, "python"))
    own: dict[str, object] = {}
    client: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code(app, "python"), own)
        exec(code(app, "client"), client)
    explanation, result = own["explanation"], client["result"]
    assert isinstance(result, dict)
    assert isinstance(client["client"], Client)
    client["client"].close()
    own["explainer"].close()  # type: ignore[attr-defined]
    shown = json.loads(download(app, "json").read_text(encoding="utf-8"))
    for attribution in explanation:  # type: ignore[attr-defined]
        assert result["methods"][attribution.method]["scores"] == pytest.approx(attribution.scores.tolist(), abs=1e-6)
        assert shown["methods"][attribution.method]["scores"] == pytest.approx(attribution.scores.tolist(), abs=1e-6)


def test_a_link_to_a_task_opens_its_example_and_a_broken_one_says_so(app: App) -> None:
    app.open(query="&task=next_token")
    expect(app.page.locator("#explain-task").get_by_label("Next token")).to_be_checked()
    expect(app.status).to_contain_text("An example, explained")
    expect(app.page.locator("#tokens-table")).to_contain_text("president")
    for value, said in (("2.abc", "begin with"), ("1.abc", "damaged")):
        app.open(query=f"&task=masked_lm&q={value}")
        expect(app.status).to_contain_text(said)
        app.explain("A fine film about Paris.")
        expect(app.page.locator("#tokens-table")).to_contain_text("Paris")


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
    report = app.page.locator("#replay-report")
    for file, said in ((path, "✅ Equal"), (tampered, "Not equal")):
        app.open()
        app.page.locator("#replay > button").click()
        app.page.locator("#replay-card input[type=file]").set_input_files(file)
        expect(report).to_contain_text(said)
    with pytest.raises(Exception, match="card"):
        client.predict({"format": 1}, api_name="/replay")
