"""What a result says of the methods it is about, so that tables and figures need no registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from explain.results import Attribution
from explain.types import Family


@dataclass(frozen=True)
class MethodLabel:
    """A method as results and views name it.

    Attributes:
        name: Its public name, the key of its numbers.
        title: What a person reads.
        family: Internal or external.
        signed: Whether its scores can be negative.
    """

    name: str
    title: str
    family: Family
    signed: bool

    @classmethod
    def of(cls, attribution: Attribution) -> MethodLabel:
        """The label of the method that an attribution is by."""
        return cls(attribution.method, attribution.title, attribution.family, attribution.signed)


class Labelled:
    """A result about several methods, in the order of its `labels`."""

    labels: tuple[MethodLabel, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(label.name for label in self.labels)

    @property
    def titles(self) -> dict[str, str]:
        """Name -> what a person reads."""
        return {label.name: label.title for label in self.labels}

    @property
    def families(self) -> tuple[Family, ...]:
        """Internal or external, one per method."""
        return tuple(label.family for label in self.labels)


def labels_of(attributions: Iterable[Attribution]) -> tuple[MethodLabel, ...]:
    """The labels of the methods of several attributions."""
    return tuple(map(MethodLabel.of, attributions))
