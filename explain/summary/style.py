"""How numbers, words and names are set in a sentence, plain or as Markdown."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from explain.summary.claims import NamedWord

LONGEST = 40
"""How many characters of a word, an answer or a name are shown."""
MARKUP = re.compile(r"([!#$()*+\-./:=@\[\\\]^_`{|}~])")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def escaped(text: str) -> str:
    """Text that a Markdown view shows as it is: no markup, link or formula comes of it."""
    return MARKUP.sub(r"\\\1", html.escape(text, quote=False)).replace(r"\$\$", "\\$\u2060\\$")


@dataclass(frozen=True)
class Style:
    """How what comes from the text and the model is set.

    Attributes:
        escape: Makes text that others wrote harmless.
        strong: What is put around words of the text.
        light: What is put around answers.
    """

    escape: Callable[[str], str] = str
    strong: str = ""
    light: str = ""

    def word(self, word: NamedWord) -> str:
        """A word in quotation marks, with its number if others read the same."""
        which = f"the {ordinal(word.occurrence)} " if word.occurrences > 1 else ""
        return f"{which}{self.strong}“{self.escape(shortened(word.text))}”{self.strong}{' in the output' if word.in_output else ''}"

    def answer(self, text: str, *, quoted: bool) -> str:
        """A target or foil, in quotation marks where it is a word."""
        shown = self.escape(shortened(text))
        return f"{self.light}{f'“{shown}”' if quoted else shown}{self.light}"

    def title(self, title: str) -> str:
        """A method's title as it stands inside a sentence: "LRP", "integrated gradients"."""
        opening = re.match(r"\w+", title)
        lower = opening is not None and opening.group()[1:].islower()
        return self.escape(shortened(title[:1].lower() + title[1:] if lower else title))


PLAIN = Style()
MARKDOWN = Style(escaped, "**", "*")


def shortened(text: str) -> str:
    """Text on one line that is not too long."""
    line = " ".join(text.split()) or text.strip() or "…"
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}…"


def number(value: float) -> str:
    """At least two digits that count: 0.0012, 0.31, 2.3, 12, 345."""
    if not value:
        return "0"
    size = math.floor(math.log10(abs(value)))
    digits = f"{abs(value):.1e}" if size < -4 else f"{abs(value):.{max(0, 1 - size)}f}"
    return ("−" if value < 0 else "") + digits


def signed(value: float) -> str:
    """A number with its sign."""
    return ("+" if value > 0 else "") + number(value)


def figure(value: float) -> str:
    """A figure with two decimals, such as tau."""
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def extent(low: float, high: float) -> str:
    """One figure, or two where they differ."""
    return figure(low) if figure(low) == figure(high) else f"{figure(low)} to {figure(high)}"


def joined(parts: Sequence[str], more: str = "") -> str:
    """A list in words: a, b and c."""
    *most, last = [*parts, more] if more else parts
    return f"{', '.join(most)} and {last}" if most else last


def ordinal(place: int) -> str:
    """First, second, … 11th, 12th, …"""
    if place <= len(ORDINALS):
        return ORDINALS[place - 1]
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


def count(things: int) -> str:
    """Two, three, four, 5, …"""
    return {2: "two", 3: "three", 4: "four"}.get(things, str(things))


def verb(of: Sequence[object], one: str, several: str) -> str:
    """The verb's form for one or several."""
    return one if len(of) == 1 else several


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
