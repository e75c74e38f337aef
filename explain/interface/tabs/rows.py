"""The tokens in colour: one compact row per method, aligned under each other."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.components import Component

from explain.defaults import DEFAULT_METHODS
from explain.interface.tabs.answer import Seen, of_output
from explain.interface.tabs.form import Updates, coloured
from explain.methods.catalog import METHODS
from explain.models.score import margin
from explain.results import Attribution, Explanation
from explain.visualization.colors import LEVEL_COLORS, Scale, level
from explain.visualization.trust import trust

BREAK = ("\n", None)
Pair = tuple[str, str | None]


class Rows:
    """Built in the current column: a row for every method, unseen until it is done, and what the page's script knows of their tokens."""

    def __init__(self, prefix: str) -> None:
        self.texts: dict[str, Component] = {
            name: coloured(
                METHODS[name].title,
                LEVEL_COLORS,
                show_legend=False,
                elem_id=f"{prefix}-row-{name}",
                elem_classes="tokens",
            )
            for name in dict.fromkeys([*DEFAULT_METHODS, *METHODS])
        }
        self._fine = gr.HTML(elem_id=f"{prefix}-fine")

    @property
    def outputs(self) -> list[Component]:
        return [*self.texts.values(), self._fine]

    def show(self, seen: Seen | None) -> Updates:
        """The rows of the methods that are done."""
        done = {} if seen is None else {a.method: a for a in seen.explanation}
        updates: Updates = {self._fine: "" if seen is None else fine_print(seen)}
        for name, text in self.texts.items():
            lines = _lines(seen, done[name]) if seen is not None and name in done else []
            pairs = [pair for line in lines for pair in (*line, BREAK)][:-1]
            updates[text] = pairs or None
        return updates


def column_at(seen: Seen, pair: int) -> int | None:
    """Which column the pair with this index in a row shows; `None` for what stands between columns."""
    place = pair % (len(seen.pieces) + 1 + (seen.answer.other is not None))  # with the target's name, if there are two, and the break
    return seen.pieces[place][1] if place < len(seen.pieces) else None


def _lines(seen: Seen, attribution: Attribution) -> list[list[Pair]]:
    """The line of the target and, if another one is explained as well, its line; a method that knows neither has one line."""
    lines = [_line(seen, seen.explanation, attribution)]
    other = seen.answer.other
    if other is not None and not attribution.target_blind and any(a.method == attribution.method for a in other):
        lines.append(_line(seen, other, other[attribution.method]))
    return lines


def _line(seen: Seen, explanation: Explanation, attribution: Attribution) -> list[Pair]:
    pairs = _bare(seen, attribution)
    if seen.answer.other is not None and not attribution.target_blind:
        pairs.append((f"   ◂ {margin(explanation.target, explanation.foil).strip()}", None))
    return pairs


def _bare(seen: Seen, attribution: Attribution) -> list[Pair]:
    scores = seen.columns.scores(attribution.scores)
    limit = float(abs(scores).max(initial=0))
    if seen.scale == Scale.SHARED and attribution.signed:
        limit = max(float(abs(seen.columns.scores(a.scores)).max(initial=0)) for a in seen.explanation if a.signed)
    return [
        (text, None if column is None else level(float(scores[column]), limit, signed=attribution.signed)) for text, column in seen.pieces
    ]


def _titles(seen: Seen, attribution: Attribution) -> Iterator[list[Any]]:
    """[column, score in words] of every piece of a row that is not blank; column -1 for what is no token."""
    explanations = [seen.explanation, *([] if seen.answer.other is None else [of_output(seen.answer.other, seen.output)])]
    for line, explanation in zip(_lines(seen, attribution), explanations, strict=False):
        scores = seen.columns.scores(explanation[attribution.method].scores)
        for number, (text, _) in enumerate(line):
            if text.strip():
                column = seen.pieces[number][1] if number < len(seen.pieces) else None
                yield [-1, ""] if column is None else [column, f"{scores[column]:+.4g}"]


def fine_print(seen: Seen) -> str:
    """One line that unfolds how exact every method is; it also carries what the page's script says of the tokens."""
    if not seen.explanation.attributions:
        return ""
    titles = {a.method: list(_titles(seen, a)) for a in seen.explanation}
    lines = []
    for attribution in seen.answer.explanation:
        warning = "" if attribution.within_tolerance else " ⚠️"
        said = html.escape(" · ".join(trust(attribution))) + warning
        lines.append(f"<dt>{html.escape(attribution.title)}</dt><dd>{said}. {html.escape(attribution.caution)}</dd>")
    measured = seen.answer.verdict and seen.answer.verdict.faithfulness
    if measured:
        lines.append(
            f"<dt>Faithfulness on this text</dt><dd>{measured.evaluations} passes through the model, {measured.seconds:.2f} s. 0 is what "
            "random orders reach, 1 the best order found.</dd>"
        )
    data = html.escape(json.dumps(titles, separators=(",", ":")))
    marked = next((number for number, group in enumerate(seen.columns.groups) if seen.marked in group.indices), "")
    heading = f"How exact these are: {sum(a.passes for a in seen.answer.explanation):,} passes, gaps, cautions"
    return f'<details data-marked="{marked}" data-tokens="{data}"><summary>{heading}</summary><dl>{"".join(lines)}</dl></details>'
