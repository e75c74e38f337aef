"""Parts of the HTML of findings: a bar with its interval, a coloured matrix, and the examples behind a word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from explain.dataset.findings.contexts import Line
from explain.dataset.findings.found import Effect, WordFinding
from explain.dataset.findings.result import Findings
from explain.types import Array
from explain.visualization.colors import AWAY, TOWARDS, WEIGHT, color_of, ink_of
from explain.visualization.document import Html, table, text_of
from explain.visualization.numbers import interval_text, signed

Links = Callable[[Line], str]
"""From an example to an address that opens it, or nothing."""
WIDE = 180
QUANTITIES = {"output": "explained score", "right": "share of right answers"}


def examples_of(one: WordFinding, lines: Sequence[Line], link: Links | None) -> list[str]:
    """The lines behind a finding, folded away; nothing for none."""
    if not lines:
        return []
    items = []
    for line in lines:
        left, right = line.context()
        color = TOWARDS if line.effect > 0 else AWAY
        label = "" if line.label is None else f", label {line.label}"
        said = f"row {line.row}: {line.effect:+.3g} on {line.target}, model {line.prediction}{label}"
        address = link(line) if link is not None else ""
        open_it = f' <a href="{text_of(address)}">open</a>' if address else ""
        word = f'<mark style="background: #fff; border-bottom: 3px solid {color}">{text_of(line.word)}</mark>'
        items.append(
            f'<li><bdi translate="no">{text_of(left)}{word}{text_of(right)}</bdi> <span class="fine">{text_of(said)}</span>{open_it}</li>'
        )
    return [f"<details><summary>{text_of(one.word)}: {len(lines)} examples</summary><ul>", *items, "</ul></details>"]


def effect_bar(effect: Effect, widest: float, signed: bool) -> Html:
    """A bar from 0 with a line for the interval, drawn to the scale of its table."""
    scale = WIDE / 2 / widest if widest > 0 else 0.0
    zero = WIDE / 2 if signed else 0.0
    scale = scale if signed else 2 * scale
    mean, low, high = (zero + scale * value for value in (effect.mean, effect.low, effect.high))
    color = (TOWARDS if effect.mean > 0 else AWAY) if signed else WEIGHT
    shapes = [
        f'<rect x="{min(zero, mean):.1f}" y="3" width="{abs(mean - zero):.1f}" height="10" fill="{color}"/>',
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="8" y2="8" stroke="#1b1b1b"/>',
        f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="16" stroke="#72777f"/>',
    ]
    return Html(f'<svg width="{WIDE}" height="16" aria-hidden="true">{"".join(shapes)}</svg>')


def matrix_table(caption: str, rows: Sequence[str], columns: Sequence[str], values: Array, *, limit: float | None = None) -> str:
    """A table whose cells have the colours of the common scale."""
    most = limit or float(abs(values[values == values]).max(initial=0.0))
    head = "".join(f'<th scope="col">{text_of(column)}</th>' for column in columns)
    lines = [f'<tr><th scope="row">{text_of(row)}</th>{_cells(own, most)}</tr>' for row, own in zip(rows, values.tolist(), strict=True)]
    start = f'<div class="wide" role="region" aria-label="{text_of(caption)}" tabindex="0"><table><caption>{text_of(caption)}</caption>'
    return "\n".join([start, f"<thead><tr><td></td>{head}</tr></thead><tbody>", *lines, "</tbody></table></div>"])


def _cells(values: Iterable[float], most: float) -> str:
    cells = []
    for value in values:
        if value != value:
            cells.append('<td class="cell"></td>')
            continue
        background, ink = (find(value, most, signed=True) for find in (color_of, ink_of))
        cells.append(f'<td class="cell" style="background: {background}; color: {ink}">{value:.2g}</td>')
    return "".join(cells)


def quantity_title(found: Findings, quantity: str) -> str:
    """What a person reads for a quantity of slices."""
    return QUANTITIES.get(quantity) or f"effect by {found.titles.get(quantity, quantity)}"


def differences_table(found: Findings) -> list[str]:
    """What differs between every two slices of one class, with Welch's 95 % interval and p; nothing for none."""
    rows = [
        [
            f"{one.first} − {one.second}",
            one.target,
            quantity_title(found, quantity),
            signed(value.mean),
            interval_text(value.low, value.high),
            "–" if value.p is None or value.p != value.p else f"{value.p:.2g}",
        ]
        for one in found.differences
        for quantity, value in one.values.items()
    ]
    return [table("Differences", ["Slices", "Class", "Quantity", "Difference", "95 % interval", "p"], rows)] if rows else []
