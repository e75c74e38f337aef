"""Segments: every token in exactly one, levels nested, sums kept, and what each level calls a segment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from explain import TokenExplainer
from explain.errors import InputError
from explain.messages import Span, SpanKind
from explain.segments import Granularity, SegmentScores, groups_of, label_of, within
from explain.tokens import Word
from explain.types import Segment, Token

LEVELS = ("messages", "documents", "paragraphs", "sentences", "words", "tokens")
"""From the coarsest to the finest."""


@dataclass(frozen=True)
class Text:
    """A text as a model read it."""

    text: str
    tokens: tuple[Token, ...]
    spans: tuple[Span, ...] = ()


def read(text: str, spans: tuple[Span, ...] = (), pattern: str = r"\s+|\w{1,3}|[^\w\s]", output: str = "") -> Text:
    """Tokens of a pattern; those outside messages, and what stands in angle brackets, are special."""
    messages = [span for span in spans if span.kind is SpanKind.MESSAGE]

    def tokens(string: str, segment: Segment) -> list[Token]:
        made = []
        for match in re.finditer(rf"<\w+>|{pattern}", string):
            start, end = match.span()
            blank = not match[0].strip()
            inside = segment is Segment.OUTPUT or not messages or any(s.start < end and start < s.end for s in messages)
            special = not inside or match[0].startswith("<")
            text, before = ("", match[0]) if blank else (match[0], "")
            made.append(Token(text, before, match[0], 5, end if blank else start, end, special, segment))
        return made

    return Text(text, (*tokens(text, Segment.INPUT), *tokens(output, Segment.OUTPUT)), spans)


def chat(generator: np.random.Generator) -> Text:
    """A random chat with documents in its second message."""
    alphabet = ["Dr. ", "A word. ", "Yes! ", "and so on, ", "x", "\n", "\n\n", " ", "你好。", "“Why?” ", "<mask>"]

    def sentence(least: int = 1) -> str:
        return "".join(generator.choice(alphabet, size=generator.integers(least, 9)))

    text, spans = "<s>", []
    for number, role in enumerate(("system", "user", "assistant", "user")):
        text += f"<{role}>\n"
        start = len(text)
        for document in range(3 * (number == 1)):
            first = len(text)
            text += "D" + sentence()
            spans.append(Span(first, len(text), f"document {document + 1}", None, SpanKind.DOCUMENT))
        text += "Q" + sentence()
        spans.append(Span(start, len(text), role, None, SpanKind.MESSAGE, role))
        text += "<end>\n"
    return read(text, tuple(spans), output="It was so. Or not.\n\nAsk Ann")


@pytest.mark.parametrize("seed", range(20))
def test_every_token_is_in_one_segment_and_levels_are_nested(seed: int) -> None:
    found = chat(np.random.default_rng(seed))
    scores = np.random.default_rng(seed).normal(size=len(found.tokens))
    levels = [groups_of(found, level) for level in LEVELS]
    for groups in levels:
        assert sorted(i for group in groups for i in group.indices) == list(range(len(found.tokens)))
        assert all(group.special for group in groups if found.tokens[group.indices[0]].special)
    for coarse, fine in pairwise(levels):
        for segment in coarse:
            if any(found.tokens[i].special for i in segment.indices):
                continue  # runs of special tokens
            parts = within(fine, segment)
            assert {i for part in parts for i in part.indices} == set(segment.indices)
            total = sum(scores[list(part.indices)].sum() for part in parts)
            assert total == pytest.approx(scores[list(segment.indices)].sum(), abs=1e-9)


def texts(groups: tuple[Word, ...], *, special: bool = False) -> list[str]:
    return [group.text for group in groups if group.special is special]


def test_sentences_and_paragraphs() -> None:
    found = read('Dr. Smith came at 3.50. "Really?" she asked. Yes!\nA line\n\nThe end.  \n \n你好。再见！')
    assert texts(groups_of(found, "sentences")) == [
        "Dr. Smith came at 3.50.",
        '"Really?" she asked.',
        "Yes!",
        "A line",
        "The end.",
        "你好。",
        "再见！",
    ]
    assert len(groups_of(found, "paragraphs")) == 3


def test_only_documents_come_and_go_and_what_stands_between_them_stays() -> None:
    text = "<u>Read: One. Two. So? Three.<e>"
    spans = (
        Span(3, 29, "user", None, SpanKind.MESSAGE, "user"),
        Span(9, 14, "document 1", None, SpanKind.DOCUMENT),
        Span(14, 19, "document 2", None, SpanKind.DOCUMENT),
    )
    found = read(text, spans, output="An answer")
    groups = groups_of(found, Granularity.DOCUMENTS)
    assert [(group.name, group.text.strip()) for group in groups if not group.special] == [("document 1", "One."), ("document 2", "Two.")]
    assert [label_of(group) for group in groups if group.special] == ["<u>", "Read:", "So? Three.", "<e>", "answer"]
    assert [label_of(group) for group in groups_of(found, "messages")] == ["<u>", "user", "<e>", "answer"]


def test_given_spans() -> None:
    found = read("One two three.", (Span(4, 7, "middle"),))
    groups = groups_of(found, "spans")
    assert [(label_of(group), group.special) for group in groups] == [("One", True), ("middle", False), ("three.", True)]


@pytest.mark.parametrize(("level", "hint"), [("documents", "Ask with documents"), ("messages", "Ask with messages"), ("spans", "Give the")])
def test_a_level_that_a_text_does_not_have_is_said(level: str, hint: str) -> None:
    with pytest.raises(InputError, match=f"There are no {level} in this text. {hint}"):
        groups_of(read("One. Two."), level)
    with pytest.raises(InputError, match=r"'lines' is no kind of segments\. Choose one of: tokens, words, sentences"):
        groups_of(read("One. Two."), "lines")


def test_long_names_are_shortened() -> None:
    assert label_of(Word((0,), "a" * 70, "", False)) == "a" * 59 + "…"
    assert label_of(Word((0,), "a" * 70, "", False, "first")) == "first"


def test_an_explanation_is_summed_to_its_sentences_and_they_to_their_words() -> None:
    text = "The film was good. It was saved!\n\nThe end was bad."
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        explanation = explainer.analyze(text, ["lrp", "occlusion", "attention"])
        occluded = explainer.analyze(text, ["occlusion"], options={"occlusion": {"granularity": "sentences"}})
    paragraphs = explanation.by("paragraphs")
    for attribution in explanation:
        assert paragraphs[attribution.method].sum() == pytest.approx(attribution.scores.sum(), abs=1e-9)
    sentences = explanation.by("sentences", inside=paragraphs.segments[1])
    assert sentences.labels == ["The film was good.", "It was saved!"]
    assert sentences["lrp"].sum() == pytest.approx(paragraphs["lrp"][1], abs=1e-9)
    assert len(occluded.by("sentences").segments) == 5
    assert len({round(score, 12) for score in occluded["occlusion"].scores}) == 4  # equal shares, and 0 for special tokens
    plain = paragraphs.to_dict()
    assert [segment["fixed"] for segment in plain["segments"]] == [True, False, False, True]
    assert plain["scores"]["lrp"] == paragraphs["lrp"].tolist()
    assert list(paragraphs.to_frame().columns) == ["segment", "fixed", "lrp", "occlusion", "attention"]
    assert isinstance(paragraphs, SegmentScores)
