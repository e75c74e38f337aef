"""An endpoint: what it is asked, by names of the table of parameters, and what answers; its function is made from that."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from explain.errors import InputError
from explain.interface.endpoints.parameters import Parameter
from explain.interface.limits import limits
from explain.models.catalog import models_for
from explain.sharing.request import Request
from explain.types import Question

Answer = dict[str, Any]


class Given(dict[str, Any]):
    """The checked values of one call, by name."""

    @property
    def request(self) -> Request:
        """What is asked; of several texts, of the first; by the first model of the task if none is named."""
        first = self["text"] if "text" in self else next(iter(self.get("texts") or self.get("templates") or [""]))
        asked = {item.name: self.get(item.name) for item in fields(Question) if item.name != "text"}
        model = self["model"] or default_model(self["task"])
        if model is None:
            raise InputError(f"'model' must be given: no model on board is made for {self['task']}.")
        methods = tuple(self.get("methods") or ())
        measure = self.get("measure")  # another endpoint asks for a switch of this name
        compared = measure if isinstance(measure, str) else None
        return Request(self["task"], model, Question(first, **asked), methods, self.get("options") or {}, measure=compared)


@dataclass(frozen=True)
class Endpoint:
    """One named endpoint.

    Attributes:
        name: Its name.
        help: What it gives, in a sentence.
        parameters: What it is asked, in order.
        answer: From the checked values to plain Python for JSON.
        fixed: Values that are not asked because they are part of what it is.
    """

    name: str
    help: str
    parameters: tuple[Parameter, ...]
    answer: Callable[[Given], Answer]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, *values: Any, **named: Any) -> Answer:
        """Check every value once, then answer.

        Raises:
            InputError: A value is not what it must be; the message names the parameter, what was given and what to give.
        """
        bound = self.signature.bind(*values, **named)
        bound.apply_defaults()
        here = limits()
        checked = {item.name: item.check(bound.arguments[item.name], here) for item in self.parameters}
        return self.answer(Given({**self.fixed, **checked}))

    @property
    def signature(self) -> inspect.Signature:
        """Typed and named, as a function written by hand would have it."""
        return inspect.Signature(
            [
                inspect.Parameter(
                    item.name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    annotation=item.hint,
                    default=inspect.Parameter.empty if item.needed else None if isinstance(item.default, tuple) else item.default,
                )
                for item in self.parameters
            ],
            return_annotation=Answer,
        )

    @property
    def function(self) -> Callable[..., Answer]:
        """A function with this name, signature and docstring."""

        def function(*values: Any, **named: Any) -> Answer:
            return self(*values, **named)

        function.__name__ = function.__qualname__ = self.name
        function.__doc__ = "\n".join([self.help, "", "Args:", *(f"    {item.name}: {item.help}" for item in self.parameters)])
        function.__annotations__ = {**{item.name: item.hint for item in self.parameters}, "return": Answer}
        function.__signature__ = self.signature  # type: ignore[attr-defined]
        return function


def default_model(task: str) -> str | None:
    """The first model of a task, a bundled one if there is any."""
    return next((entry.name for entry in models_for(task)), None)
