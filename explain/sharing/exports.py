"""What an explanation is written to: one table, from which the command line makes its flags and the page its buttons."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explain.results import Explanation


@dataclass(frozen=True)
class Shown:
    """What is written, and how a view is to show it.

    Attributes:
        explanation: The result.
        card: Its card, for exports that hold it; else it may be empty.
        words: Merge sub-words to words in pages and figures.
        special: Show special tokens in pages and figures.
        maps: Write raw arrays such as attention weights too.
    """

    explanation: Explanation
    card: Mapping[str, Any]
    words: bool = False
    special: bool = True
    maps: bool = False


@dataclass(frozen=True)
class Export:
    """One kind of file.

    Attributes:
        label: What a button says.
        file: The file's name, if nobody gives one.
        help: What is in it, to follow "write".
        content: The file as text or bytes.
        holds_card: Whether it needs the card, which costs a look at all weights.
    """

    label: str
    file: str
    help: str
    content: Callable[[Shown], str | bytes]
    holds_card: bool = False

    def written(self, shown: Shown) -> bytes:
        """The file's bytes."""
        content = self.content(shown)
        return content.encode() if isinstance(content, str) else content


def _card(shown: Shown) -> str:
    from explain.sharing.card import dumps

    return dumps(shown.card)


def _json(shown: Shown) -> str:
    return json.dumps(shown.explanation.to_dict(maps=shown.maps), ensure_ascii=False, indent=1) + "\n"


def _csv(shown: Shown) -> str:
    return shown.explanation.to_frame().to_csv(index=False)


def _html(shown: Shown) -> str:
    from explain.visualization.page import page

    return page(shown.explanation, shown.card, words=shown.words, special=shown.special)


def _png(shown: Shown) -> bytes:
    from explain.visualization import static

    return static.png(static.methods_heatmap(shown.explanation, words=shown.words, special=shown.special))


def _svg(shown: Shown) -> bytes:
    from explain.visualization import static

    return static.svg(static.methods_heatmap(shown.explanation, words=shown.words, special=shown.special))


EXPORTS: dict[str, Export] = {
    "card": Export("Card (JSON)", "explanation-card.json", "an explanation card, which `replay` checks", _card, holds_card=True),
    "json": Export("All numbers (JSON)", "explanation.json", "all results as JSON", _json),
    "csv": Export("Scores (CSV)", "scores.csv", "tokens x methods as CSV", _csv),
    "html": Export("Page (HTML)", "explanation.html", "a page that stands alone as HTML", _html, holds_card=True),
    "png": Export("Picture (PNG)", "heatmap.png", "a heatmap as PNG", _png),
    "svg": Export("Picture (SVG)", "heatmap.svg", "a heatmap as SVG", _svg),
}
"""By kind, in the order in which they are shown. A new export is added here."""
