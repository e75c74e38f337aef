"""What one request may ask of this server. Every limit is set by one environment variable; a public server has tighter defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from explain.errors import InputError
from explain.models.hub import on_public_space


def _limit(own: int, public: int, variable: str, help: str) -> Any:
    return field(default=own, metadata={"public": public, "variable": variable, "help": help})


@dataclass(frozen=True)
class Limits:
    """The bounds that hold for everybody who asks this server; those of one's own machine unless it is public."""

    characters: int = _limit(100_000, 10_000, "EXPLAIN_MAX_CHARACTERS", "characters of one text")
    tokens: int = _limit(8_192, 1_024, "EXPLAIN_MAX_TOKENS", "tokens of one text that a model is given")
    texts: int = _limit(100, 50, "EXPLAIN_MAX_TEXTS", "texts, prompts or rows of a file in one request")
    rows: int = _limit(100_000, 1_000, "EXPLAIN_MAX_ROWS", "rows of a data set that is explained or opened")
    fillings: int = _limit(200, 200, "EXPLAIN_MAX_FILLINGS", "texts that the fillers of templates make in one request")
    keywords: int = _limit(100, 50, "EXPLAIN_MAX_KEYWORDS", "keywords in one request")
    passes: int = _limit(2_000_000, 40_000, "EXPLAIN_MAX_PASSES", "forward passes of one request, counted before it starts")
    file_bytes: int = _limit(64_000_000, 5_000_000, "EXPLAIN_MAX_FILE_BYTES", "bytes of a file, or of a card")
    seconds: int = _limit(300, 120, "EXPLAIN_DEADLINE", "seconds that one request may compute; what was done stays")
    lanes: int = _limit(4, 4, "EXPLAIN_LANES", "requests that compute at the same time, in turns")
    waiting: int = _limit(128, 128, "EXPLAIN_MAX_WAITING", "requests that wait; those beyond are told that the server is busy")

    @classmethod
    def of(cls, environment: Mapping[str, str], *, public: bool) -> Limits:
        """The limits that an environment sets; the others at their defaults.

        Raises:
            InputError: A variable is not a whole number from 1.
        """
        values = {}
        for item in fields(cls):
            variable = item.metadata["variable"]
            given = environment.get(variable, str(item.metadata["public"] if public else item.default))
            values[item.name] = int(given) if given.isascii() and given.isdigit() else 0
            if values[item.name] < 1:
                raise InputError(f"The environment variable {variable} must be a whole number from 1, got {given!r}.")
        return cls(**values)

    def check(self, name: str, asked: int, advice: str) -> None:
        """Raises InputError where more is asked than a limit allows; `advice` says what to do."""
        allowed = getattr(self, name)
        if asked > allowed:
            (item,) = (item for item in fields(self) if item.name == name)
            raise InputError(f"This needs {asked:,} {item.metadata['help'].split(',')[0]}; at most {allowed:,} are taken here. {advice}")


def limits() -> Limits:
    """Those that hold now."""
    return Limits.of(os.environ, public=on_public_space())


def table() -> str:
    """All limits as a Markdown table for the documentation."""
    lines = ["| variable | limit | own machine | public |", "| --- | --- | ---: | ---: |"]
    for item in fields(Limits):
        meta = item.metadata
        lines.append(f"| `{meta['variable']}` | {meta['help']} | {item.default:,} | {meta['public']:,} |")
    return "\n".join(lines)
