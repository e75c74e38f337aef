"""What a person asks: a text, a model, methods and what is to be explained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from explain.checks import OPTION, TEXT, WHOLE, Kind, check_record, either, list_of, mapping_of, optional
from explain.defaults import DEFAULT_METHODS
from explain.types import Question

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
    "span": optional(either(TEXT, list_of(WHOLE))),
    "messages": optional(list_of(mapping_of(TEXT))),
    "documents": optional(list_of(mapping_of(TEXT))),
    "spans": optional(list_of(mapping_of(either(TEXT, WHOLE)))),
    "options": mapping_of(mapping_of(OPTION)),
    "labels": list_of(TEXT),
    "prefix": optional(TEXT),
    "measure": optional(TEXT),
}
ASKED = tuple(item.name for item in dataclasses.fields(Question))
LATER = ("span", "messages", "documents", "spans")
"""Fields of a question that links and cards of earlier versions do not have; they are written only where they are given."""
_NEEDED = ("task", "text", "model", "methods")


_RENAMED = {("occlusion", "players"): "granularity"}
"""Options that links and cards of earlier versions know by another name."""


def todays_options(options: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Options by method, as this version names them."""
    return {method: {_RENAMED.get((method, name), name): value for name, value in own.items()} for method, own in options.items()}


@dataclass(frozen=True)
class Request:
    """Everything a person asks for: a question to a model, and the methods that are to explain the answer. Checked by the core.

    Attributes:
        task: The task's name.
        model: A bundled checkpoint, a folder or a Hub id.
        question: The text, and what is asked about it.
        methods: Names of methods, kept as a tuple.
        options: Method name -> option name -> value.
        labels: For classification by a text-to-text model, the label words, kept as a tuple.
        prefix: For the same, what the model expects before the text.
        measure: "mean" or "sum" where target and foil are whole answers that are compared (`Contrast`); `None` for one score.
    """

    task: str
    model: str
    question: Question
    methods: Sequence[str] = DEFAULT_METHODS
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    labels: Sequence[str] = ()
    prefix: str | None = None
    measure: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(self.methods))
        object.__setattr__(self, "labels", tuple(self.labels))

    @property
    def loading(self) -> dict[str, Any]:
        """The arguments of `TokenExplainer.from_pretrained` that give the model that is asked."""
        return {"name": self.model, "task": self.task, "labels": self.labels, "prefix": self.prefix}

    @property
    def record(self) -> dict[str, Any]:
        """The question as a card keeps it, with what was left open; of what earlier versions did not ask, only what was given."""
        compared = {} if self.measure is None else {"measure": self.measure}
        return {"task": self.task, **{name: None for name in ASKED if name not in LATER}, **self.question.to_dict(), **compared}

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON, flat, without the fields that are at their defaults; `from_dict` gives the same request back.

        Raises:
            InputError: A field has a value that JSON cannot carry, such as an infinite number.
        """
        values: dict[str, Any] = {"task": self.task, "text": self.question.text, "model": self.model, "methods": list(self.methods)}
        values |= self.question.to_dict()
        if self.options:
            values["options"] = {method: dict(options) for method, options in self.options.items()}
        if self.labels:
            values["labels"] = list(self.labels)
        if self.prefix is not None:
            values["prefix"] = self.prefix
        if self.measure is not None:
            values["measure"] = str(self.measure)
        check_record("The request", values, KINDS, may_lack=set(KINDS) - set(_NEEDED))
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Request:
        """The request with these fields; those with a default may be left out.

        Raises:
            InputError: A field is missing, unknown or of the wrong type.
        """
        known = dict(check_record("The request", values, KINDS, may_lack=set(KINDS) - set(_NEEDED)))
        question = Question(**{name: known.pop(name) for name in ASKED if name in known})
        return cls(question=question, **{**known, "options": todays_options(known.get("options", {}))})
