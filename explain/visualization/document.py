"""The frame of every HTML file that is handed out: it needs nothing else, no script, no font, no request, and shows any text as it is."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from html import escape

from explain.visualization.colors import INK

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = f"""
body {{ font: 16px/1.5 system-ui, sans-serif; color: {INK}; background: #fff; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.6rem; line-height: 1.25 }} h2 {{ font-size: 1.2rem; margin-top: 2rem }} h3 {{ font-size: 1rem; margin-bottom: .3rem }}
.tokens {{ line-height: 2.1; overflow-wrap: anywhere; white-space: pre-wrap; margin: .3rem 0 }}
.tokens span {{ border-radius: .2rem; padding: .15rem 0 }}
.trust {{ font-size: .9rem; color: #444; margin-top: .3rem }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
caption {{ text-align: left; white-space: nowrap; font-size: .9rem; color: #444 }}
th, td {{ padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: right }}
th:first-child, td:first-child {{ text-align: left; white-space: pre-wrap }}
"""


class Html(str):
    """HTML that is meant as such: it is not escaped again."""


def document(title: str, body: Iterable[str], *, style: str = "") -> str:
    """A whole HTML5 document; `body` is HTML, `title` is text."""
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{text_of(title)}</title>",
        f"<style>{STYLE}{style}</style>",
        "</head>",
        "<body>",
        "<main>",
        *body,
        "</main>",
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(lines)


def text_of(text: str) -> str:
    """Text as HTML; characters that HTML does not allow become visible replacements. `Html` stays as it is."""
    if isinstance(text, Html):
        return text
    kept = text.replace("\r\n", "\n").replace("\r", "\n")
    return escape("".join(c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Cn") else "\ufffd" for c in kept))


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a caption whose first column names the rows; it scrolls where it is too wide."""
    lines = [
        f'<div class="wide" role="region" aria-label="{text_of(caption)}" tabindex="0"><table>\n<caption>{text_of(caption)}</caption>',
        "<thead><tr>",
    ]
    lines += [f'<th scope="col">{text_of(head)}</th>' for head in heads]
    lines += ["</tr></thead>", "<tbody>"]
    for name, *values in rows:
        cells = "".join(f"<td>{text_of(value)}</td>" for value in values)
        lines.append(f'<tr><th scope="row" translate="no">{text_of(name)}</th>{cells}</tr>')
    return "\n".join([*lines, "</tbody>", "</table></div>"])
