"""Segments with their sums: as a table, as highlighted text, and how far an answer traced to them can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from explain.evaluation.context import ContextAttribution
from explain.interface.tabs.form import escaped
from explain.results import Explanation
from explain.segments import SegmentScores, label_of
from explain.tokens import Word
from explain.types import Array
from explain.visualization.colors import color_of, ink_of
from explain.visualization.long_text import LONG, strongest

MOST = LONG
"""Rows of a table, and segments of a highlighted text."""
TRACED = (
    "Each sentence of the answer is one score. *Falls by*: how much it falls, on average over the sentences, when the segments with the "
    "largest scores go. *Predicts*: rank correlation of the summed scores of what is kept with the model's own, over {held_out} random "
    "ablations that no method has seen. The sparse linear surrogate was fitted to such ablations, as ContextCite does."
)


def sums_table(explanation: Explanation, sums: SegmentScores, *, special: bool) -> str:
    """Segments x methods, and what all of them sum to."""
    shown = [number for number, group in enumerate(sums.segments) if special or not group.special]
    scores = [sums[a.method] for a in explanation]
    left = [shown[place] for place in strongest([values[shown] for values in scores], len(shown))]
    rows = [label_of(sums.segments[number]) for number in left]
    total = [float(values.sum()) for values in scores]
    said = "" if len(left) == len(shown) else f"<p>Shown are the {MOST} of {len(shown):,} with the largest scores.</p>"
    heads, signed = [a.title for a in explanation], [a.signed for a in explanation]
    return said + table("segment", rows, heads, [values[left] for values in scores], signed, total=total)


def traced_table(found: ContextAttribution, method: str) -> str:
    """Segments x sentences of the answer, by one method."""
    columns = list(found[method].scores.T)
    limit = float(np.abs(found[method].scores).max(initial=0))
    return table("segment", found.labels, found.sentences, columns, [True] * len(columns), limit)


def highlighted_text(segments: Sequence[Word], scores: Array, *, signed: bool, special: bool) -> str:
    """The segments as they stand in the text, in the colours of their sums; nothing where there are too many."""
    shown = [number for number, group in enumerate(segments) if special or not group.special]
    if len(shown) > MOST or not shown:
        return ""
    limit = float(np.abs(scores[[n for n in shown if not segments[n].special]]).max(initial=0))
    pieces = []
    for number in shown:
        group, score = segments[number], float(scores[number])
        text = f"{escape(group.before)}<span>{escape(group.text)}</span>"
        if not group.special:
            ground, ink = (paint(score, limit, signed=signed) for paint in (color_of, ink_of))
            title = f"{label_of(group)}: {score:+.4g}"
            text = (
                f"{escape(group.before)}<span style='background:{ground};color:{ink}' title='{escape(title)}'>{escape(group.text)}</span>"
            )
        pieces.append(text)
    return f"<p class='spoken' translate='no' dir='auto' tabindex='0' role='region' aria-label='Segments in colour'>{''.join(pieces)}</p>"


def table(
    corner: str,
    rows: Sequence[str],
    heads: Sequence[str],
    columns: Sequence[Array],
    signed: Sequence[bool],
    limit: float | None = None,
    total: Sequence[float] = (),
) -> str:
    """Numbers in the colours of the rows of tokens; each column on its own scale if no limit is given."""
    limits = [float(np.abs(column).max(initial=0)) if limit is None else limit for column in columns]
    lines = []
    for number, label in enumerate(rows):
        cells = []
        for column, most, sign in zip(columns, limits, signed, strict=True):
            ground, ink = (paint(float(column[number]), most, signed=sign) for paint in (color_of, ink_of))
            cells.append(f"<td style='background:{ground};color:{ink}'>{column[number]:+.4f}</td>")
        lines.append(f"<tr><th scope='row'>{escape(label)}</th>{''.join(cells)}</tr>")
    titles = "".join(f"<th scope='col'>{escape(head)}</th>" for head in heads)
    sums = "".join(f"<td>{value:+.4f}</td>" for value in total)
    foot = f"<tfoot><tr><th scope='row'>all of them</th>{sums}</tr></tfoot>" if total else ""
    return (
        "<div class='numbers' tabindex='0' role='region' aria-label='Scores of every segment'><table><thead><tr>"
        f"<th scope='col'>{corner}</th>{titles}</tr></thead><tbody>{''.join(lines)}</tbody>{foot}</table></div>"
    )


def judged(found: ContextAttribution) -> str:
    """How far each method can be believed, as a Markdown table."""
    ks = list(next(iter(found.methods.values())).drops)
    heads = ["method", "first", *(f"falls by, without {k}" for k in ks), "predicts"]
    lines = [" | ".join(["", *heads, ""]).strip(), "|".join(["", " --- ", " --- ", *[" ---: "] * (len(ks) + 1), ""])]
    for name, method in found.methods.items():
        known = method.correlation[~np.isnan(method.correlation)]
        numbers = [*(f"{method.drops[k].mean():.3g}" for k in ks), f"{known.mean():.2f}" if len(known) else "–"]
        lines.append(" | ".join(["", method.title, escaped(found.labels[found.leader(name)]), *numbers, ""]).strip())
    return "\n".join([*lines, "", TRACED.format(held_out=found.held_out)])
