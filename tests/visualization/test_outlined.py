"""Outlined tokens keep the text, mark the keywords and escape everything."""

from __future__ import annotations

import html
import re

from explain import TokenExplainer
from explain.visualization.outlined import OUTLINE, outlined
from explain.visualization.prompts import keyword_tokens

TEXT = "A <b>fine</b> & moving film."


def test_the_text_is_whole_and_only_keywords_are_outlined():
    with TokenExplainer.from_pretrained("bert-mini", task="classification") as explainer:
        explanation = explainer.analyze(TEXT, ["lrp"])
    shown = outlined(explanation, "lrp", keyword_tokens(explanation, ["moving film"]), special=False)
    assert "<b>" not in shown
    assert html.unescape(re.sub(r"<[^>]+>", "", shown)) == TEXT
    marked = [html.unescape(text) for style, text in re.findall(r'<span style="([^"]*)"[^>]*>([^<]*)</span>', shown) if OUTLINE in style]
    assert marked == ["moving", "film"]
    scores = [float(score) for score in re.findall(r'title="([^"]+)"', shown)]
    assert len(scores) == sum(not token.special for token in explanation.tokens)
