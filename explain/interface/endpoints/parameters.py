"""What endpoints are asked: one table that makes their signatures, checks what is given and says in words what to give."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from explain.checks import OPTION, SWITCH, TEXT, WHOLE, Kind, either, optional
from explain.defaults import DEFAULT_METHODS
from explain.errors import InputError
from explain.interface.limits import Limits
from explain.methods.head_ablation import Ablation
from explain.models.perturbation import Granularity, Replacement
from explain.models.tasks import TASKS
from explain.prompts.answers import Measure

Options = dict[str, dict[str, Any]]
Parts = list[dict[str, Any]]
NEEDED: Any = object()
NAME_CHARACTERS = 100
MODEL_CHARACTERS = 200
MOST_METHODS = 50
CARD_DEPTH = 8
SHORT_TEXT = 20


@dataclass(frozen=True)
class Parameter:
    """One parameter of endpoints.

    Attributes:
        name: Its name.
        hint: The type that a client sees.
        help: What it is.
        kind: What a value must be, within the limits of this server.
        default: What is taken if it is left out or null; `NEEDED` if it must be given.
    """

    name: str
    hint: Any
    help: str
    kind: Callable[[Limits], Kind]
    default: Any = NEEDED

    @property
    def needed(self) -> bool:
        return self.default is NEEDED

    def check(self, value: Any, limits: Limits) -> Any:
        """The value, or the default for null.

        Raises:
            InputError: It is not what it must be; the message names it, what was given and what to give.
        """
        if value is None and not self.needed:
            return self.default
        kind = self.kind(limits)
        if not kind.holds(value):
            raise InputError(f"'{self.name}' ({self.help}) must be {kind.words}, got {described(value)}.")
        return value


def described(value: Any) -> str:
    """What was given, in the words of JSON and short."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return reprlib.repr(value) + (f" ({len(value):,} characters)" if len(value) > SHORT_TEXT else "")
    if isinstance(value, Collection) and len(value) > reprlib.aRepr.maxlist:
        return f"{reprlib.repr(value)} ({len(value):,} entries)"
    return reprlib.repr(value)


def text(most: int, *, least: int = 0) -> Kind:
    """Text of a bounded length, in valid Unicode."""
    words = f"text of {least} to {most:,} characters" if least else f"text of at most {most:,} characters"
    return Kind(f"{words} in valid Unicode", lambda value: TEXT.holds(value) and least <= len(value) <= most)


def whole(least: int, most: int = 2**31 - 1) -> Kind:
    """A whole number within bounds."""
    return Kind(f"a whole number from {least} to {most:,}", lambda value: WHOLE.holds(value) and least <= value <= most)


def one_of(names: Iterable[str]) -> Kind:
    """One of these names."""
    known = tuple(names)
    return Kind(f"one of {', '.join(known)}", lambda value: isinstance(value, str) and value in known)


def list_of(kind: Kind, least: int, most: int) -> Kind:
    """A list of a bounded length."""
    return Kind(
        f"a list of {least} to {most:,} entries (each {kind.words})",
        lambda value: isinstance(value, list | tuple) and least <= len(value) <= most and all(map(kind.holds, value)),
    )


def plain_record(most: int) -> Kind:
    """An object of plain values that is neither deep nor large."""
    return Kind(
        f"a JSON object, at most {CARD_DEPTH} deep and {most:,} bytes large",
        lambda value: isinstance(value, Mapping) and sum(_sizes(value, most)) <= most,
    )


def _sizes(value: Any, most: int) -> Iterator[int]:
    """About how many bytes each part of plain values takes; ends above `most`, which what is too deep counts as."""
    left = [(value, 0)]
    while left and most >= 0:
        item, depth = left.pop()
        size = 8
        if isinstance(item, str):
            size = len(item)
        elif isinstance(item, Mapping | list | tuple):
            inside = [*item.keys(), *item.values()] if isinstance(item, Mapping) else item
            left += ((part, depth + 1) for part in inside)
            size = 8 if depth < CARD_DEPTH else most + 1
        most -= size
        yield size


_OPTION = Kind(OPTION.words, lambda value: OPTION.holds(value) and (not isinstance(value, str) or len(value) <= NAME_CHARACTERS))
_OPTIONS = Kind(
    "an object: method name -> option name -> true or false, a finite number, text or null",
    lambda value: _named(value, lambda options: _named(options, _OPTION.holds)),
)
_MODEL = Kind(
    f"text of 1 to {MODEL_CHARACTERS} characters without control characters",
    lambda value: TEXT.holds(value) and 1 <= len(value) <= MODEL_CHARACTERS and value.isprintable(),
)

PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        Parameter("text", str, "the text to explain", lambda here: text(here.characters)),
        Parameter("texts", list[str], "the texts to explain", lambda here: list_of(text(here.characters), 1, here.texts)),
        Parameter(
            "templates",
            list[str],
            "texts with slots, such as: The {doctor|nurse} said that [MASK] was late.",
            lambda here: list_of(text(here.characters), 1, here.texts),
        ),
        Parameter("keywords", list[str], "words or phrases", lambda here: list_of(text(here.characters), 1, here.keywords)),
        Parameter("task", str, "what the model is asked", lambda here: one_of(TASKS), "classification"),
        Parameter(
            "model", str | None, "a bundled checkpoint or an id of the Hub; by default the first of the task", lambda here: _MODEL, None
        ),
        Parameter(
            "methods",
            list[str] | None,
            "names of methods; by default the four that are chosen at first",
            lambda here: list_of(text(NAME_CHARACTERS), 1, MOST_METHODS),
            DEFAULT_METHODS,
        ),
        Parameter("target", str | int | None, "what is explained: a label, token, output or index", lambda here: _candidate(here), None),
        Parameter("foil", str | int | None, "what it is contrasted with", lambda here: _candidate(here), None),
        Parameter("unit", str | None, "logit, log_probability or probability", lambda here: text(NAME_CHARACTERS), None),
        Parameter("position", int | None, "which mask or blank, from 0", lambda here: whole(0), None),
        Parameter("step", int | None, "which output token, from 0", lambda here: whole(0), None),
        Parameter(
            "span",
            str | list[int] | None,
            "a passage of the output that is explained as one: its words, or its first character and the one after its last",
            lambda here: either(text(here.characters), list_of(whole(0), 2, 2)),
            None,
        ),
        Parameter(
            "messages", Parts | None, "a chat, instead of the text: role and content of each message", lambda here: _parts(here), None
        ),
        Parameter("documents", Parts | None, "what the answer may rest on: text and title of each", lambda here: _parts(here), None),
        Parameter(
            "spans",
            Parts | None,
            "named parts of the text, or of a message: start, end, name, message of each",
            lambda here: _parts(here),
            None,
        ),
        Parameter("options", Options | None, "method name -> option name -> value", lambda here: _OPTIONS, None),
        Parameter("maps", bool, "whether raw arrays such as attention weights come along", lambda here: SWITCH, False),
        Parameter("k", int | None, "how many tokens count as the top; by default a quarter", lambda here: whole(1), None),
        Parameter("off", str, "what a head that is off gives", lambda here: one_of(Ablation), Ablation.ZERO.value),
        Parameter("replacement", str, "what takes a token's place", lambda here: one_of(Replacement), Replacement.AUTO.value),
        Parameter("granularity", str, "what is taken away together", lambda here: one_of(Granularity), Granularity.WORDS.value),
        Parameter("segments", str, "what the answer is traced to", lambda here: one_of(Granularity), Granularity.DOCUMENTS.value),
        Parameter(
            "by",
            str | None,
            "what the scores are summed to besides: words, sentences, paragraphs, messages, documents or spans",
            lambda here: one_of(Granularity),
            None,
        ),
        Parameter("orders", int, "how many random orders", lambda here: whole(2, 200), 20),
        Parameter("beam", int, "width of the search for the best order", lambda here: whole(1, 64), 4),
        Parameter("seed", int, "of everything that is drawn", lambda here: whole(0), 0),
        Parameter(
            "labels",
            list[str | None] | None,
            "the right answer to each text, null where it is not known",
            lambda here: list_of(optional(text(here.characters)), 1, here.rows),
            None,
        ),
        Parameter(
            "slices",
            list[str] | None,
            "texts to compare, such as women=she,her or early=/^In/ or good=label:positive",
            lambda here: list_of(text(here.characters), 1, here.keywords),
            None,
        ),
        Parameter("minimum", int, "in how many texts a word must stand", lambda here: whole(2), 3),
        Parameter("measure", bool, "whether faithfulness is measured too", lambda here: SWITCH, False),
        Parameter("card", dict[str, Any], "an explanation card", lambda here: plain_record(here.file_bytes)),
    )
}
"""By name. What an endpoint takes besides is nothing but this:"""
COMPARED = Parameter(
    "measure", str | None, "how whole answers, target and foil, are compared: mean per token or sum", lambda _: one_of(Measure), None
)

QUESTION = ("task", "model", "methods", "target", "foil", "unit")
"""What endpoints ask of a text besides it, whatever the task."""


def parameter(name: str, *, needed: bool = False, **changed: Any) -> Parameter:
    """The parameter of the table; with another help or default where an endpoint has one, or to be given always."""
    return replace(PARAMETERS[name], **({"default": NEEDED} if needed else {}), **changed)


def parameters(*names: str) -> tuple[Parameter, ...]:
    """Parameters of the table, as they are there."""
    return tuple(PARAMETERS[name] for name in names)


def _named(value: Any, holds: Callable[[Any], bool]) -> bool:
    """Whether it is an object with a few short names whose values hold."""
    name = text(NAME_CHARACTERS)
    return isinstance(value, Mapping) and len(value) <= MOST_METHODS and all(name.holds(key) and holds(v) for key, v in value.items())


def _parts(here: Limits) -> Kind:
    value = either(text(here.characters), WHOLE)
    kind = Kind(f"an object of {value.words}", lambda part: _named(part, lambda given: given is None or value.holds(given)))
    return list_of(kind, 1, here.texts)


def _candidate(here: Limits) -> Kind:
    return either(text(here.characters), WHOLE)
