"""The standalone page: valid, accessible, self-contained, and safe with any text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from explain import Explanation, TokenExplainer
from explain.sharing.card import card
from explain.sharing.request import Request
from explain.types import Question
from explain.visualization.colors import color_of, ink_of
from explain.visualization.numbers import percent
from explain.visualization.page import page

HOSTILE = "<img src=x onerror=alert(1)> & </script><script>alert(2)</script> \" ' <!-- good \x07 film"
VOID = {"meta", "br", "img", "link", "hr", "input"}
LOADING = {"src", "href", "srcset", "action", "data", "poster", "background", "xlink:href"}


class Reader(HTMLParser):
    """Reads a page and checks that its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None], str]] = []
        self.words: list[tuple[str, str]] = []
        self.declarations: list[str] = []
        self.comments: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_decl(self, decl: str) -> None:
        self.declarations.append(decl)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.elements.append((tag, dict(attrs), " ".join(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append((" ".join(self.open), data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes, _ in self.elements if name == tag]

    def text(self, within: str) -> str:
        return "".join(data for path, data in self.words if within in path.split())


@pytest.fixture(scope="module")
def made() -> tuple[Explanation, dict[str, Any]]:
    question = Question(HOSTILE, target="positive", foil="negative")
    request = Request("classification", "bert-mini", question, ["attention", "integrated_gradients", "lrp"])
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        explanation = explainer.analyze(question, request.methods)
        return explanation, card(explanation, explainer, request)


@pytest.fixture(scope="module")
def read(made: tuple[Explanation, dict[str, Any]]) -> Reader:
    return Reader(page(*made))


def test_it_is_a_document_with_headings_in_order(made: tuple[Explanation, dict[str, Any]], read: Reader) -> None:
    assert page(*made).startswith("<!DOCTYPE html>\n")
    assert read.declarations == ["DOCTYPE html"]
    assert read.all("html") == [{"lang": "en"}]
    assert read.text("title") == "Why positive rather than negative? bert-mini"
    assert {"charset": "utf-8"} in read.all("meta")
    levels = [int(tag[1]) for tag, _, _ in read.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(read.all("main")) == 1


def test_every_header_cell_has_a_scope_and_every_table_a_caption(read: Reader) -> None:
    assert all(cell.get("scope") in ("row", "col") for cell in read.all("th"))
    assert len(read.all("table")) == len(read.all("caption")) == 3
    assert all(region["aria-label"] and region["tabindex"] == "0" for region in read.all("div"))


def test_it_needs_nothing_else(read: Reader) -> None:
    assert not [name for _, attributes, _ in read.elements for name in attributes if name in LOADING]
    assert not [name for _, attributes, _ in read.elements for name in attributes if name.startswith("on")]
    assert {tag for tag, _, _ in read.elements}.isdisjoint({"link", "img", "iframe", "object", "embed", "base", "form"})
    assert [script["type"] for script in read.all("script")] == ["application/json"]
    assert "url(" not in read.text("style")
    assert "@import" not in read.text("style")
    policy = next(meta["content"] for meta in read.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_the_text_is_shown_as_it_was_typed(made: tuple[Explanation, dict[str, Any]], read: Reader) -> None:
    explanation, _ = made
    assert not read.comments
    assert read.text("bdi") == HOSTILE.replace("\x07", "�")
    views = [i for i, (tag, attributes, _) in enumerate(read.elements) if tag == "p" and attributes.get("class") == "tokens"]
    assert len(views) == 3
    spans = [data for path, data in read.words if path.endswith("p span")]
    assert spans == [token.label for token in explanation.tokens] * 3


def test_the_card_is_inside_and_cannot_leave_its_element(made: tuple[Explanation, dict[str, Any]], read: Reader) -> None:
    explanation, values = made
    inside = read.text("script")
    assert json.loads(inside) == values
    assert values["question"]["text"] == HOSTILE
    assert not set("<>&") & set(inside)
    assert not Reader(page(explanation)).all("script")


def test_the_numbers_are_those_of_the_explanation(made: tuple[Explanation, dict[str, Any]], read: Reader) -> None:
    explanation, _ = made
    cells = [float(data) for path, data in read.words if path.endswith("tr td") and re.fullmatch(r"[+-][\d.e+-]+", data)]
    count = len(explanation.tokens) * 3
    expected = np.stack([a.scores for a in explanation], axis=1).ravel()
    np.testing.assert_allclose(cells[-count:], expected, rtol=5.1e-6)
    candidates = explanation.prediction.candidates
    table = [data for path, data in read.words if path.endswith("tr td")]
    assert [percent(c.probability) in table and f"{c.logit:.4f}" in table for c in candidates] == [True] * len(candidates)
    assert f"relative gap {explanation['integrated_gradients'].gap:.1e}" in read.text("p")
    assert "Within the tolerance of 0.001" in read.text("p")


def test_a_missed_tolerance_is_said(made: tuple[Explanation, dict[str, Any]]) -> None:
    explanation, _ = made
    missed = replace(explanation["integrated_gradients"], gap=0.25, tolerance=0.001)
    said = Reader(page(replace(explanation, attributions=(missed,)))).text("p")
    assert "relative gap 2.5e-01. This misses the tolerance of 0.001" in said


def test_the_colours_are_the_scores(made: tuple[Explanation, dict[str, Any]], read: Reader) -> None:
    explanation, _ = made
    styles = [attributes for tag, attributes, _ in read.elements if tag == "span"]
    backgrounds = [re.match(r"background: (#\w{6}); color: (#\w{6})$", str(style["style"])) for style in styles]
    for number, attribution in enumerate(explanation):
        part = slice(number * len(explanation.tokens), (number + 1) * len(explanation.tokens))
        limit = abs(attribution.scores).max()
        for style, background, score in zip(styles[part], backgrounds[part], attribution.scores, strict=True):
            assert background is not None
            assert background[1] == color_of(score, limit, signed=attribution.signed)
            assert background[2] == ink_of(score, limit, signed=attribution.signed)
            assert float(str(style["title"])) == pytest.approx(score, rel=5.1e-4)


def test_a_sequence_task_shows_its_output_apart() -> None:
    with TokenExplainer.from_pretrained("gpt2-mini", task="generation") as explainer:
        explanation = explainer.analyze("The president said", ["input_x_gradient"], target=" that he was")
    read = Reader(page(explanation, words=True, special=False))
    assert "⟶" in read.text("p")
    assert "that he was" in read.text("bdi")
    assert "Orange pushes towards" in read.text("p")
    assert "Violet" not in read.text("p")
