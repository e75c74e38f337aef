"""What a person asks: a text, a model, methods and what is to be explained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from explain.checks import OPTION, TEXT, WHOLE, Kind, check_record, either, list_of, mapping_of, optional

KINDS: dict[str, Kind] = {
    "task": TEXT,
    "text": TEXT,
    "model": TEXT,
    "methods": list_of(TEXT),
    "target": optional(either(TEXT, WHOLE)),
    "foil": optional(either(TEXT, WHOLE)),
    "unit": optional(TEXT),
    "position": optional(WHOLE),
    "step": optional(WHOLE),
    "options": mapping_of(mapping_of(OPTION)),
}


@dataclass(frozen=True)
class Request:
    """What is asked, checked by the core when it is answered.

    Attributes:
        task: The task's name.
        text: What a person typed.
        model: A bundled checkpoint, a folder or a Hub id.
        methods: Names of methods, kept as a tuple.
        target: Label, token, index or output text; `None` for the model's own prediction.
        foil: What the target is contrasted with.
        unit: Unit of the score; `None` for the task's default.
        position: Which mask or blank, from 0.
        step: Which output token, from 0; `None` for all.
        options: Method name -> option name -> value.
    """

    task: str
    text: str
    model: str
    methods: Sequence[str]
    target: str | int | None = None
    foil: str | int | None = None
    unit: str | None = None
    position: int | None = None
    step: int | None = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.methods, list):
            object.__setattr__(self, "methods", tuple(self.methods))

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `TokenExplainer.analyze`."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.name not in ("task", "model")}

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON, without the fields that are at their defaults; `from_dict` gives the same request back.

        Raises:
            InputError: A field has a value that JSON cannot carry, such as an infinite number.
        """
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        check_record("The request", values, KINDS)
        given = {name: value for name, value in values.items() if value is not None and value != {}}
        given["methods"] = list(self.methods)
        if "options" in given:
            given["options"] = {method: dict(options) for method, options in self.options.items()}
        return given

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Request:
        """The request with these fields; those with a default may be left out.

        Raises:
            InputError: A field is missing, unknown or of the wrong type.
        """
        may_lack = [item.name for item in dataclasses.fields(cls) if item.name not in ("task", "text", "model", "methods")]
        return cls(**check_record("The request", values, KINDS, may_lack=may_lack))
