"""The examples behind a finding of the Dataset tab: which can be chosen, and how their lines read."""

from __future__ import annotations

import html

from explain.dataset.findings import Concordance, Findings
from explain.sharing.examples import Examples
from explain.visualization.colors import AWAY, TOWARDS


def offered(found: Findings, method: str) -> list[tuple[str, str]]:
    """The findings of a method whose examples can be chosen."""
    cues = [(f"{one.word} → {one.target}: {'spurious' if one.spurious else 'cue'}", f"cues {i}") for i, one in enumerate(found.cues)]
    words = [(f"{one.word} → {one.target}: {one.effect.mean:+.3g}", f"words {i}") for i, one in enumerate(found.words)]
    errors = [(f"{one.word}, wrong answers to {one.label}", f"errors {i}") for i, one in enumerate(found.errors)]
    by = {"cues": found.cues, "words": found.words, "errors": found.errors}
    spurious = [offer for offer, one in zip(cues, found.cues, strict=True) if one.spurious]
    others = [offer for offer in [*words, *errors, *cues] if offer not in spurious]
    return [offer for offer in [*spurious, *others] if by[offer[1].split()[0]][int(offer[1].split()[1])].method == method]


def lines_of(found: Concordance, examples: Examples) -> str:
    """Keyword in context; each line opens its text in the first tab."""
    rows = []
    for line in found.lines:
        left, right = (html.escape(part) for part in line.context())
        color = TOWARDS if line.effect > 0 else AWAY
        link = examples.link(line)
        opening = f'<a href="{html.escape(link)}" target="_blank" rel="noopener">Open</a>' if link else ""
        wrong = line.label is not None and line.label != line.prediction
        said = html.escape(line.prediction) + (f" <b>(label {html.escape(line.label or '')})</b>" if wrong else "")
        rows.append(
            f'<tr><td dir="auto">{left}</td><th scope="row" translate="no" style="border-bottom: 3px solid {color} !important">'
            f'{html.escape(line.word)}</th><td dir="auto">{right}</td><td>{line.effect:+.3g}</td>'
            f"<td>{html.escape(line.target)}</td><td>{said}</td><td>{line.row}</td><td>{opening}</td></tr>"
        )
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("", "word", "", "effect", "on", "model", "row", ""))
    title = f"{found.word}: the {len(found.lines)} strongest of {found.total} occurrences"
    caption = f"<caption>{html.escape(title)}</caption>"
    return (
        f'<div class="numbers lines" role="region" aria-label="Examples" tabindex="0"><table>{caption}'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
