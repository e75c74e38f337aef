"""Code that gives the same result again: with the package, or through a running app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from explain.defaults import DEFAULT_METHODS
from explain.errors import InputError
from explain.models.tasks import task_class
from explain.sharing.request import Request

_WIDTH = 100


def python_snippet(request: Request, *, revision: str | None = None) -> str:
    """Python code that explains the same with the package and prints the scores; only arguments that are not defaults are written.

    Args:
        request: What was asked.
        revision: The commit of a Hub model, to pin it.
    """
    loading = {"task": request.task, "revision": revision, "labels": request.labels or None, "prefix": request.prefix}
    if request.measure is None:
        name, function = "TokenExplainer", "explainer.analyze"
        arguments = [_literal(_text(request)), *_keywords(_asked(request))]
    else:
        name, function = "TokenExplainer, compare_answers", "compare_answers"
        asked = _asked(request)
        answers = [_literal(asked.pop(name)) for name in ("target", "foil")]
        arguments = ["explainer", _literal(_text(request)), *answers, *_keywords(asked)]
    return "\n".join(
        [
            f"from explain import {name}",
            "",
            _call("explainer = TokenExplainer.from_pretrained", [_literal(request.model), *_keywords(loading)]),
            _call(f"explanation = {function}", arguments),
            "print(explanation.to_frame())",
            "",
        ]
    )


def client_snippet(request: Request, url: str) -> str:
    """Python code that asks a running app at `url` for the same explanation with `gradio_client`.

    Raises:
        InputError: The task is not known, or its endpoint does not take something that was asked.
    """
    task = task_class(request.task)
    taken = {*task.asks, "spans", *(("messages", "documents") if task.chats else ())}
    endpoint = request.task if request.measure is None else "compare_answers"
    given = {name: value for name, value in request.question.to_dict().items() if name != "text"}
    given |= {"labels": request.labels} if request.labels else {}
    given |= {} if request.prefix is None else {"prefix": request.prefix}
    for name, value in given.items():
        if name not in taken:
            raise InputError(f"The endpoint /{endpoint} takes no {name}, got {value!r}. Leave it out.")
        if name in ("target", "foil") and isinstance(value, int):
            raise InputError(f"The endpoint /{endpoint} takes the {name} as text, got the index {value}. Give its label or token.")
    compared = {} if request.measure is None else {"task": request.task}
    asked = {**compared, "model": request.model, **_asked(request), "messages": given.get("messages"), "api_name": f"/{endpoint}"}
    return "\n".join(
        [
            "from gradio_client import Client",
            "",
            f"client = Client({_literal(url)})",
            _call("result = client.predict", [_literal(request.question.text), *_keywords(asked)]),
            'for name, method in result["methods"].items():',
            '    print(name, list(zip(method["tokens"], method["scores"])))',
            "",
        ]
    )


def _text(request: Request) -> Any:
    """What is asked about: the text, or the messages."""
    return request.question.to_dict().get("messages", request.question.text)


def _asked(request: Request) -> dict[str, Any]:
    """What is asked besides the text, without the default methods."""
    methods = None if request.methods == DEFAULT_METHODS and request.measure is None else request.methods
    given = {name: value for name, value in request.question.to_dict().items() if name not in ("text", "messages")}
    return {"methods": methods, **given, "options": request.options or None, "measure": request.measure}


def _keywords(values: Mapping[str, Any]) -> list[str]:
    """Keyword arguments; what is `None` is left out."""
    return [f"{name}={_literal(value)}" for name, value in values.items() if value is not None]


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
    source = repr(str(value) if isinstance(value, str) else value)  # an enum's member is written as its value
    single = isinstance(value, str) and source.startswith("'") and '"' not in value
    return f'"{source[1:-1]}"' if single else source
