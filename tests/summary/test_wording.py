"""How the verdict is worded: tasks, sequences, markup, numbers."""

from __future__ import annotations

import re

import pytest
from explained import explained, tokens_of

from explain.summary import summarise
from explain.summary.style import escaped, figure, number, ordinal, signed
from explain.types import Target, Token

IS, ARE = Target(5, " is", 1.0, 0.2), Target(6, " are", 2.0, 0.6)


@pytest.mark.parametrize(
    ("task", "foil", "score", "said"),
    [
        ("masked_lm", None, 3.0, "“keys” (+1.4) filled the mask with “are”"),
        ("masked_lm", IS, 3.0, "“keys” (+1.4) spoke for “are” rather than “is” at the mask"),
        ("masked_lm", IS, 1.0, "“keys” (+1.4) turned the mask to “are”"),
        ("next_token", None, 3.0, "“keys” (+1.4) made “are” the next token"),
        ("next_token", IS, 3.0, "“keys” (+1.4) spoke for “are” rather than “is” as the next token"),
        ("next_token", IS, 1.0, "“keys” (+1.4) turned the next token to “are”"),
        ("embedding", None, 3.0, "“keys” (+1.4) gave the text’s vector its direction"),
        ("mine", None, 3.0, "“keys” (+1.4) made it are"),
    ],
)
def test_each_task_has_its_words(task: str, foil: Target | None, score: float, said: str) -> None:
    found = explained("the keys", {"lrp": [0.01, 1.4]}, task=task, target=ARE, foil=foil, score=score, candidates=(ARE, IS))
    assert summarise(found).text.startswith(said)


def test_an_embedding_has_no_for_and_against() -> None:
    own = Target(0, "own direction", 4.0, None)
    found = explained("a b c d", {"lrp": [1, 1.1, 1, -0.9]}, task="embedding", target=own, candidates=(own,))
    text = summarise(found).text
    assert "gave the text’s vector its direction, against “d” (−0.90)" in text
    away = summarise(explained("a b c", {"lrp": [-1, 0.5, 0]}, task="embedding", target=own, candidates=(own,))).text
    assert away.startswith("“a” (−1.0) pulled the text’s vector away from its direction, “b” (+0.50) along it")


STEPS = (Target(3, " big", 1.0, 0.4), Target(4, " dog", 2.0, 0.7))


@pytest.mark.parametrize(
    ("task", "outputs", "foil", "said"),
    [
        ("generation", STEPS, None, "“film” (+1.4) spoke for “big dog” as the output, taken as a whole"),
        ("generation", STEPS[1:], None, "“film” (+1.4) spoke for “dog” as token 2 of 2 of the output"),
        ("generation", STEPS[1:], IS, "“film” (+1.4) turned token 2 of 2 of the output to “dog”"),
        ("generation", STEPS[:1], IS, "“film” (+1.4) spoke for “big” rather than “is” as token 1 of 2 of the output"),
        ("span_infilling", STEPS, None, "“film” (+1.4) spoke for “big dog” in the blank, taken as a whole"),
        ("span_infilling", STEPS[1:], None, "“film” (+1.4) spoke for “dog” as token 2 of 2 of the blank"),
    ],
)
def test_sequences_speak_of_the_whole_or_of_one_token(task: str, outputs: tuple[Target, ...], foil: Target | None, said: str) -> None:
    target = outputs[0] if len(outputs) == 1 else Target(-1, "big dog", 3.0, 0.28)
    tokens = tokens_of("the film", output="big" if outputs[-1:] == STEPS[1:] else "")
    values = [0.01, 1.4, 0.3][: sum(not token.special for token in tokens)]
    found = explained(
        "the film", {"lrp": values}, task=task, target=target, foil=foil, score=1.0, candidates=(STEPS[0],), tokens=tokens, steps=STEPS,
        outputs=outputs, said="big dog",
    )  # fmt: skip
    assert summarise(found).text.startswith(said)


def test_words_of_the_output_are_told_apart() -> None:
    found = explained(
        "a film", {"lrp": [0, 0.1, 3]}, task="generation", target=STEPS[1], tokens=tokens_of("a film", output="film"), steps=STEPS,
        outputs=STEPS[1:], candidates=(STEPS[0],),
    )  # fmt: skip
    assert summarise(found).text.startswith("“film” in the output (+3.0) spoke for")


HOSTILE = [
    "<script>",
    "**bold**",
    "[a](javascript:b)",
    "www.example.com",
    "a@b.co",
    "`code`",
    "$$x$$",
    "# head",
    "&lt;",
    "http://a.b/c",
    "~~x~~",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_markup_comes_of_what_others_wrote(text: str) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    token = (Token(text, "", text, 0, 0, len(text), False), Token("b", " ", "b", 0, len(text), len(text) + 1, False))
    target = Target(0, text, 1.0, 0.9)
    plain = text.replace(" ", "") + " b"
    found = explained(plain, {"lrp": [2, 0], "shap": [2, 0.1]}, target=target, tokens=token, candidates=(target,), titles={"lrp": text})
    summary = summarise(found)
    parsed = markdown_it.MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(summary.markdown)
    kinds = {child.type for block in parsed for child in block.children or []} | {block.type for block in parsed}
    assert kinds <= {
        "paragraph_open",
        "paragraph_close",
        "inline",
        "text",
        "strong_open",
        "strong_close",
        "em_open",
        "em_close",
        "text_special",
    }
    shown = "".join(child.content for block in parsed for child in block.children or [])
    assert shown.replace("\u2060", "") == summary.text
    assert not re.search(r"(?<!\\)(www\.|://|@|\$\$|<)", summary.markdown)


def test_what_is_long_or_broken_is_shown_on_one_line() -> None:
    text = "word\n" * 50
    found = explained("x" * 300, {"lrp": [1.0]}, target=Target(0, text, 1.0, 0.9), candidates=(Target(0, text, 1.0, 0.9),))
    assert "\n" not in summarise(found).text
    assert len(summarise(found).text) < 250


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (2.34, "+2.3"),
        (-2.31e-3, "−0.0023"),
        (12.4, "+12"),
        (345.6, "+346"),
        (9.96, "+10.0"),
        (0.5, "+0.50"),
        (1.2e-7, "+1.2e-07"),
    ],
)
def test_numbers_have_two_digits_that_count(value: float, said: str) -> None:
    assert signed(value) == said
    assert number(abs(value)) == said.lstrip("+−")


def test_figures_and_ordinals() -> None:
    assert [figure(value) for value in (0.816, -0.001, -0.5)] == ["0.82", "0.00", "−0.50"]
    assert [ordinal(n) for n in (1, 10, 11, 12, 21, 22, 113)] == ["first", "tenth", "11th", "12th", "21st", "22nd", "113th"]
    assert escaped("a_b") == r"a\_b"
