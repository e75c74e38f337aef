"""Where one is in a long text: a strip of the scores of all of it, a search, and steps; the rows and tables show a part."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate

import gradio as gr
from gradio.components import Component

from explain.interface.tabs.answer import WINDOW, Seen
from explain.interface.tabs.form import Form, Updates, coloured
from explain.visualization.colors import LEVEL_COLORS, level
from explain.visualization.tokens import pooled

BLOCKS = 48
SIZES = (10, 20, 25, 50, 100, 200, 250, 500, 1000)
NOTHING = "nothing"
COLORS = {NOTHING: "#e9e9e6"}
"""Of a block whose scores sum to little."""
BREAK = ("\n", None)


class Window(Form):
    """Built in the current column, seen for a long text."""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"{prefix}-window")
        with gr.Column(elem_id=f"{prefix}-window-part", elem_classes="window"):
            self.add("map", coloured("The whole text", {**LEVEL_COLORS, **COLORS}, elem_classes=["tokens", "minimap"]))
            with gr.Row(elem_classes="display"):
                self.add("earlier", gr.Button("◂ Earlier", size="sm", min_width=90))
                self.add("later", gr.Button("Later ▸", size="sm", min_width=90))
                self.add("find", gr.Textbox(label="Find a word and press Enter", max_lines=1, min_width=180))
                self.add("where", gr.HTML(min_width=180))

    @property
    def outputs(self) -> list[Component]:
        return [self["map"], self["earlier"], self["later"], self["where"]]

    def show(self, seen: Seen | None, found: str = "") -> Updates:
        """The strip, and which part of the text is shown; `found` is what came of a search."""
        count = 0 if seen is None else len(seen.columns.groups)
        if seen is None or count <= WINDOW:
            return self.updates(map=None, where="")
        size, part = block_size(count), seen.part
        first, last = part.start // size, (part.stop - 1) // size
        said = f"Shown are {part.start + 1:,} to {part.stop:,} of {count:,} {'words' if seen.words else 'tokens'}. {found}"
        return self.updates(
            map=strip(seen) or None,
            earlier=gr.update(interactive=part.start > 0),
            later=gr.update(interactive=part.stop < count),
            where=f"<p class='where' role='status' data-first='{first}' data-last='{last}'>{said}</p>",
        )


def block_size(count: int) -> int:
    """How many columns are one block of the strip: few enough blocks, and a round number."""
    return next((size for size in SIZES if count <= size * BLOCKS), -(-count // BLOCKS))


def strip(seen: Seen) -> list[tuple[str, str | None]]:
    """A line for every method: blocks that say where they begin, in the colour of their scores' sum."""
    count = len(seen.columns.groups)
    size = block_size(count)
    blocks = pooled(seen.columns, size)
    pairs: list[tuple[str, str | None]] = []
    for attribution in seen.explanation:
        sums = blocks.scores(attribution.scores)
        limit = float(abs(sums).max(initial=0))
        kinds = [level(float(value), limit, signed=attribution.signed) or NOTHING for value in sums]
        pairs += [(str(number * size + 1), kind) for number, kind in enumerate(kinds)]
        pairs += [(f" {attribution.title}", None), BREAK]
    return pairs[:-1]


def token_of_block(seen: Seen, pair: int) -> int | None:
    """The first token that is shown once a block with this index is chosen: the block is in the middle."""
    count = len(seen.columns.groups)
    size = block_size(count)
    blocks = -(-count // size)
    number = pair % (blocks + 2)
    return None if number >= blocks else token_at(seen, number * size - (WINDOW - size) // 2)


def token_at(seen: Seen, column: int) -> int:
    """The first token of a column; of the first or last window if there is none."""
    groups = seen.columns.groups
    return groups[min(max(column, 0), max(len(groups) - WINDOW, 0))].indices[0]


def matches(seen: Seen, wanted: str) -> list[int]:
    """The columns in which the words begin, whatever their case."""
    pieces = seen.columns.pieces
    starts = [0, *accumulate(len(text) for text, _ in pieces)]
    found: dict[int | None, None] = {}
    for match in re.finditer(re.escape(wanted), "".join(text for text, _ in pieces), re.IGNORECASE):
        following = (column for _, column in pieces[bisect_right(starts, match.start()) - 1 :] if column is not None)
        found[next(following, None)] = None
    return [column for column in found if column is not None]
