"""The examples behind a finding as questions that an app opens."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from explain.dataset.findings.contexts import Line
from explain.defaults import DEFAULT_METHODS
from explain.errors import InputError
from explain.sharing.permalink import encode
from explain.sharing.request import Request
from explain.types import Question

ASKED = ("target", "foil", "unit", "position", "step")


@dataclass(frozen=True)
class Examples:
    """What opens the examples of one run.

    Attributes:
        manifest: The run's.
        root: Address of the app; links are relative if it is left out.
    """

    manifest: Mapping[str, Any]
    root: str | None = None

    def request(self, line: Line) -> Request:
        """The question that the run asked of this row, with the target that was explained there."""
        asked = {name: self.manifest.get(name) for name in ASKED}
        question = dataclasses.replace(Question(line.text, **asked), target=asked["target"] or line.target)
        methods = self.manifest.get("methods") or {}
        options = {name: dict(given) for name, given in methods.items() if given} if isinstance(methods, Mapping) else {}
        return Request(
            str(self.manifest["task"]),
            str(self.manifest["model"]),
            question,
            tuple(methods) or DEFAULT_METHODS,
            options,
            tuple(self.manifest.get("labels") or ()),
            self.manifest.get("prefix"),
        )

    def link(self, line: Line) -> str:
        """An address that opens it; nothing where it is too long for one."""
        try:
            root = f"{self.root.rstrip('/')}/" if self.root else ""
            return f"{root}?task={self.manifest['task']}&q={encode(self.request(line))}"
        except InputError:
            return ""
