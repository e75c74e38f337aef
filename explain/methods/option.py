"""Options of methods: dataclass fields from which the interface makes widgets and by which everything given is checked."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from enum import Enum
from typing import Any

from explain.errors import InputError


def option(default: Any, help: str, *, minimum: float | None = None, maximum: float | None = None) -> Any:
    """A dataclass field that is an option of a method, with its help text and bounds (inclusive)."""
    return dataclasses.field(default=default, metadata={"help": help, "minimum": minimum, "maximum": maximum})


@dataclass(frozen=True)
class Option:
    """One option of a method as the interface sees it."""

    name: str
    kind: type
    optional: bool
    default: Any
    help: str
    minimum: float | None
    maximum: float | None

    @property
    def choices(self) -> list[str]:
        return [member.value for member in self.kind] if issubclass(self.kind, Enum) else []

    def to_dict(self) -> dict[str, Any]:
        default = self.default.value if isinstance(self.default, Enum) else self.default
        return {
            "name": self.name,
            "type": "choice" if self.choices else self.kind.__name__,
            "optional": self.optional,
            "default": default,
            "help": self.help,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "choices": self.choices,
        }

    def parse(self, method: str, value: Any) -> Any:
        """The value in the option's type.

        Raises:
            InputError: It has another type or lies outside the bounds.
        """
        if value is None and self.optional:
            return None
        wanted = " or ".join(self.choices) or {bool: "true or false", int: "a whole number", float: "a number"}.get(self.kind, "text")
        try:
            if self.kind is bool:
                if not isinstance(value, bool):
                    raise ValueError
                parsed: Any = value
            elif self.kind is int:
                parsed = int(value)
                if isinstance(value, bool) or parsed != float(value):
                    raise ValueError
            else:
                parsed = self.kind(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise InputError(f"{method}: option {self.name} takes {wanted}, got {value!r}.") from error
        low, high = self.minimum, self.maximum
        if not ((low is None or parsed >= low) and (high is None or parsed <= high)):
            bounds = f"at least {low}" if high is None else f"at most {high}" if low is None else f"between {low} and {high}"
            raise InputError(f"{method}: option {self.name} must be {bounds}, got {value!r}.")
        return parsed


def described(field: dataclasses.Field[Any], hint: Any) -> Option:
    """The option that a dataclass field with this type is."""
    arguments = typing.get_args(hint) if isinstance(hint, types.UnionType) else ()
    kinds = [argument for argument in arguments if argument is not type(None)] or [hint]
    meta = field.metadata
    return Option(field.name, kinds[0], len(arguments) > len(kinds), field.default, meta["help"], meta["minimum"], meta["maximum"])
