"""An example of a run opens as the question that the run asked of it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from explain.dataset.findings import Line
from explain.sharing.examples import Examples
from explain.sharing.permalink import decode
from explain.types import Question

LINE = Line(7, "It is not good.", 6, 9, -0.5, "negative", "positive", "negative", 1.5)
MANIFEST = {"model": "bert-mini", "task": "classification", "methods": {"lrp": {}, "shap": {"seed": 3}}, "foil": "positive"}


def test_it_asks_what_the_run_asked() -> None:
    request = Examples(MANIFEST).request(LINE)
    assert request.question == Question("It is not good.", target="negative", foil="positive")
    assert (request.task, request.model, request.methods) == ("classification", "bert-mini", ("lrp", "shap"))
    assert request.options == {"shap": {"seed": 3}}
    given = {**MANIFEST, "target": 1, "foil": None, "step": 2, "unit": "logit"}
    assert Examples(given).request(LINE).question == Question("It is not good.", target=1, step=2, unit="logit")


def test_its_link_opens_it_and_a_long_text_has_none() -> None:
    examples = Examples(MANIFEST, "http://127.0.0.1:7860/")
    link = urlsplit(examples.link(LINE))
    assert link.netloc == "127.0.0.1:7860"
    assert parse_qs(link.query)["task"] == ["classification"]
    assert decode(parse_qs(link.query)["q"][0]) == examples.request(LINE)
    long = " ".join(f"{number * 7919 % 100_003}" for number in range(5000))
    assert examples.link(Line(0, long, 0, 1, 0.1, "a", None, "a", 1.0)) == ""
