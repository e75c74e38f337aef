"""Code that gives the same result again: with the package, or through a running app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from explain.defaults import DEFAULT_METHODS
from explain.errors import InputError
from explain.models.tasks import TASKS
from explain.sharing.request import Request

ENDPOINT_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "classification": ("target", "foil", "unit"),
    "masked_lm": ("target", "foil", "unit", "position"),
    "next_token": ("target", "foil", "unit"),
    "span_infilling": ("target", "foil", "unit", "position", "step"),
    "generation": ("target", "foil", "unit", "step"),
    "embedding": (),
}
"""What each task's endpoint takes besides text, model, methods and options."""

_WIDTH = 100


def python_snippet(request: Request, *, revision: str | None = None) -> str:
    """Python code that explains the same text with the package and prints the scores; only arguments that are not defaults are written.

    Args:
        request: What was asked.
        revision: The commit of a Hub model, to pin it.
    """
    loading = [_literal(request.model), f"task={_literal(request.task)}"] + ([f"revision={_literal(revision)}"] if revision else [])
    return "\n".join(
        [
            "from explain import TokenExplainer",
            "",
            _call("explainer = TokenExplainer.from_pretrained", loading),
            _call("explanation = explainer.analyze", [_literal(request.text), *_keywords(request)]),
            "print(explanation.to_frame())",
            "",
        ]
    )


def client_snippet(request: Request, url: str) -> str:
    """Python code that asks a running app at `url` for the same explanation with `gradio_client`.

    Raises:
        InputError: The task is not known, or its endpoint does not take something that was asked.
    """
    if request.task not in ENDPOINT_ARGUMENTS:
        raise InputError(f"The task {request.task!r} is not known. Choose one of: {', '.join(TASKS)}.")
    taken = ENDPOINT_ARGUMENTS[request.task]
    for name in ("target", "foil", "unit", "position", "step"):
        given = getattr(request, name)
        if given is not None and name not in taken:
            raise InputError(f"The endpoint /{request.task} takes no {name}, got {given!r}. Leave it out.")
        if name in ("target", "foil") and isinstance(given, int):
            raise InputError(f"The endpoint /{request.task} takes the {name} as text, got the index {given}. Give its label or token.")
    model = f"model={_literal(request.model)}"
    endpoint = f"api_name={_literal('/' + request.task)}"
    return "\n".join(
        [
            "from gradio_client import Client",
            "",
            f"client = Client({_literal(url)})",
            _call("result = client.predict", [_literal(request.text), model, *_keywords(request), endpoint]),
            'for name, method in result["methods"].items():',
            '    print(name, list(zip(method["tokens"], method["scores"])))',
            "",
        ]
    )


def _keywords(request: Request) -> list[str]:
    given = {name: value for name, value in request.arguments.items() if name != "text" and value is not None and value != {}}
    if tuple(request.methods) == DEFAULT_METHODS:
        del given["methods"]
    return [f"{name}={_literal(value)}" for name, value in given.items()]


def _call(function: str, arguments: Sequence[str]) -> str:
    """A call on one line if it is short, else with one argument a line."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{function}(", *(f"    {argument}," for argument in arguments), ")"])


def _literal(value: Any) -> str:
    """A plain value as Python source; strings in double quotes where that needs no escaping."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_literal, value)) + "]"
    source = repr(value)
    single = isinstance(value, str) and source.startswith("'") and '"' not in value
    return f'"{source[1:-1]}"' if single else source
