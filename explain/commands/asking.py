"""What every command that explains takes: the model, the question and the methods."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from explain.defaults import DEFAULT_METHODS
from explain.errors import InputError
from explain.types import Question

ASKED = {
    "target": "label, token or output text to explain (default: the model's own)",
    "foil": "explain the target rather than this",
    "unit": "logit, log_probability or probability (default: the task's)",
    "position": "which mask or blank, from 0 (default: the first)",
    "step": "which output token, from 0 (default: all)",
    "span": "words of the output that are explained as one (default: all of it, token by token)",
}
"""Help for every field of a question besides the text that is a value."""
CHAT = {
    "messages": "role and content of each message; the last may be the answer to explain",
    "documents": "text and title of each document that the answer may rest on",
    "spans": "start, end and name of each part, and in a chat the number of its message",
}
"""The same for those that are lists."""
MEASURE = "compare target and foil as whole answers of any length: by the mean per token, or the sum (default: where they part)"


def add_model(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Who is asked."""
    model = parser.add_argument_group("who is asked (`catalog` lists tasks and models)")
    model.add_argument(
        "--model", metavar="NAME", help="bundled checkpoint, folder or Hub id (default: the first one on board for the task)"
    )
    model.add_argument("--task", metavar="NAME", help="what to ask the model (default: what it is best at)")
    model.add_argument("--label", action="append", metavar="WORD", help="a word that a text-to-text classifier answers with; once for each")
    model.add_argument("--prefix", metavar="TEXT", help='what a text-to-text classifier reads before the text, such as "sst2 sentence: "')
    return model


def add_question(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The fields of a question besides the text."""
    asked = parser.add_argument_group("what is asked")
    for item in (item for item in dataclasses.fields(Question) if item.name in ASKED):
        whole = "str" not in str(item.type)
        asked.add_argument(f"--{item.name}", type=int if whole else str, metavar="N" if whole else "TEXT", help=ASKED[item.name])
    return asked


def add_chat(parser: argparse.ArgumentParser) -> None:
    """The fields of a question that are lists, each from a JSON file."""
    chat = parser.add_argument_group("a chat instead of a text, and named parts (JSON files, each a list of objects)")
    for name, fields in CHAT.items():
        chat.add_argument(f"--{name}", metavar="FILE", help=fields)


def lists(given: argparse.Namespace) -> dict[str, Any]:
    """What the files that were given list, by field of a question; `None` for those that were not.

    Raises:
        InputError: A file cannot be read, or holds no list.
    """
    return {name: _listed(getattr(given, name)) for name in CHAT}


def _listed(path: str | None) -> list[Any] | None:
    if path is None:
        return None
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}.") from error
    if not isinstance(found, list):
        raise InputError(f"{path} must hold a JSON list, got {type(found).__name__}.")
    return found


def add_methods(parser: argparse.ArgumentParser) -> None:
    """The methods and their options."""
    how = parser.add_argument_group("how it is explained (`catalog` lists methods and their options)")
    how.add_argument("--method", action="append", metavar="NAME", help=f"may be repeated (default: {', '.join(DEFAULT_METHODS)})")
    how.add_argument("--option", action="append", default=[], metavar="METHOD.NAME=VALUE", help="an option of a method; may be repeated")


def model_and_task(model: str | None, task: str | None) -> tuple[str, str | None]:
    """What was left out: the first model on board for the task, a catalogued model's best task, or what the model's head is made for.

    Raises:
        InputError: There is no such task, or no model on board for it.
    """
    from explain.models.catalog import ENTRIES, models_for
    from explain.models.tasks import task_class

    if task is not None:
        task_class(task)
    if model is None:
        on_board = models_for(task or "classification", hub=False)
        if not on_board:
            raise InputError(f"No model on board is for {task}. Name one with --model.")
        model = on_board[0].name
    return model, task or next((entry.tasks[0] for entry in ENTRIES if entry.name == model), None)


def options(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`method.name=value` as options by method; a value that reads as a JSON number, true, false or null is that, any other is text."""
    found: dict[str, dict[str, Any]] = {}
    for item in given:
        key, equals, value = item.partition("=")
        method, dot, name = key.partition(".")
        if not (equals and dot and method and name):
            raise InputError(f"An option is written METHOD.NAME=VALUE, such as shap.seed=1, got {item!r}.")
        found.setdefault(method, {})[name] = _plain(value)
    return found


def _plain(value: str) -> Any:
    try:
        plain = json.loads(value)
    except ValueError:
        return value
    return value if isinstance(plain, dict | list | str) else plain
