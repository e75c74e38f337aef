"""A long text on the stage: what is sent is light, the strip and the search lead anywhere, and no number depends on what is shown."""

from __future__ import annotations

import html
import json
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from explained import explained

from explain.interface.tabs.answer import WINDOW, Answer, Seen
from explain.interface.tabs.rows import column_at
from explain.interface.tabs.stage import Stage
from explain.interface.tabs.tokens import numbers
from explain.interface.tabs.window import BLOCKS, block_size, matches, strip, token_at, token_of_block
from explain.sharing.request import Request
from explain.types import Question

COUNT = 4096
METHODS = ("lrp", "integrated_gradients", "occlusion", "attention")
MOST_BYTES = 1_500_000


@pytest.fixture(scope="module")
def stage() -> Stage:
    with gr.Blocks():
        return Stage("explain")


@pytest.fixture(scope="module")
def seen() -> Seen:
    generator = np.random.default_rng(0)
    text = " ".join(f"Word{number}" for number in range(COUNT))
    scores: dict[str, Any] = {name: generator.standard_normal(COUNT) ** 3 for name in METHODS}
    scores["lrp"][3000] = 99.0
    explanation = explained(text, {**scores, "attention": np.abs(scores["attention"])})
    return Seen(Answer(Request("classification", "model", Question(text), METHODS), explanation, finished=True))


def test_what_is_sent_of_4096_tokens_is_light(stage: Stage, seen: Seen) -> None:
    values: dict[Any, Any] = {part: part.value for part in stage.shared}
    updates = stage.show(seen.answer, values)
    sent = {part.elem_id: value for part, value in updates.items() if not isinstance(part, gr.State)}
    assert len(json.dumps(sent)) + len(numbers(seen)) < MOST_BYTES / 4
    row = sent["explain-row-lrp"]
    assert sum(bool(text.strip()) for text, _ in row) == WINDOW + 2  # and the dots on both sides
    assert numbers(seen).count("<tr data-column=") == WINDOW
    assert "2,802 to 3,201 of 4,098 tokens" in sent["explain-window-where"]
    assert len(sent["explain-window-map"]) <= len(METHODS) * (BLOCKS + 2)
    short = replace(seen.answer, explanation=explained("a b", {"lrp": [1.0, 2.0]}))
    shown = stage.show(short, values)
    assert shown[stage.place["where"]] == ""
    assert shown[stage.place["map"]] is None


def test_no_number_depends_on_the_part_that_is_shown(stage: Stage, seen: Seen) -> None:
    scores = seen.answer.explanation["lrp"].scores
    for window in (0, 1234, 4097):
        part = replace(seen, window=window)
        start = min(window, COUNT + 2 - WINDOW)
        assert part.part == slice(start, start + WINDOW)
        places = [column for _, column in part.pieces if column is not None]
        assert places == list(range(start, start + WINDOW))
        updates = stage.rows.show(part)
        pairs = updates[stage.rows.texts["lrp"]]
        columns = [column_at(part, number) for number in range(len(pairs))]
        assert [pairs[n][0] for n, column in enumerate(columns) if column is not None] == [seen.columns.labels[n] for n in places]
        strongest = [column for (_, kind), column in zip(pairs, columns, strict=True) if kind is not None and kind.endswith("5")]
        assert strongest == [place for place in places if round(5 * abs(scores[place]) / 99.0) == 5]
        fine = next(value for part, value in updates.items() if part.elem_id == "explain-fine")
        titles = json.loads(html.unescape(fine.split('data-tokens="')[1].split('"')[0]))["lrp"]
        assert [title for column, title in titles if column >= 0] == [f"{scores[place]:+.4g}" for place in places]


def test_the_strip_sums_and_leads_to_its_blocks(seen: Seen) -> None:
    size = block_size(COUNT + 2)
    assert [block_size(count) for count in (401, 480, 4098, 100_000)] == [10, 10, 100, 2084]
    pairs = strip(seen)
    blocks = -(-(COUNT + 2) // size)
    line = pairs[:blocks]
    assert [int(text) for text, _ in line] == list(range(1, COUNT + 3, size))
    assert line[3001 // size][1] == "towards 5"
    assert pairs[blocks] == (" LRP", None)
    for number, method in enumerate(METHODS):
        for block in (0, 17, blocks - 1):
            token = token_of_block(seen, number * (blocks + 2) + block)
            assert token is not None, method
            shown = replace(seen, window=token).part
            assert shown.start <= block * size < shown.stop
    assert token_of_block(seen, blocks) is None
    assert token_at(seen, -5) == 0


def test_a_word_is_found_whatever_its_case(seen: Seen) -> None:
    assert matches(seen, "word3000") == [3001]
    assert matches(seen, "WORD12 word13") == [13]
    assert matches(seen, "word40") == [41, *range(401, 411), *range(4001, 4097)]
    assert matches(seen, "nothing") == []
    assert matches(replace(seen, special=False), "word0") == [0]


def test_the_search_goes_on_and_steps_move(stage: Stage, seen: Seen) -> None:
    values: dict[Any, Any] = {part: part.value for part in stage.shared} | {stage["answer"]: seen.answer, stage.place["find"]: "word40"}
    found = []
    for _ in range(3):
        updates = stage._find(values)
        values |= {stage[name]: updates[stage[name]] for name in ("marked", "window")}
        found.append(updates[stage["marked"]])
        assert "Word40" in updates[stage["token"]]
    assert found == [41, 401, 402]
    assert "Place 3 of 107." in updates[stage.place["where"]]
    before = values[stage["window"]]
    moved = stage._step(WINDOW)(values)
    assert moved[stage["window"]] == before + WINDOW
    assert moved[stage["changed-tokens"]] is not None
    nowhere = stage._find({**values, stage.place["find"]: "<b>"})
    assert "“&lt;b&gt;” does not occur" in nowhere[stage.place["where"]]
