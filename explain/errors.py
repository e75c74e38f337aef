"""Every error that `explain` raises on purpose. Each message says what was wrong, what was given and what to do.

ExplainError
├── InputError              the text, target, position or option cannot be used
│   ├── TextTooLongError    more tokens than the model reads
│   └── TargetError         the target or foil is not something the model can say
├── UnknownMethodError      no method has this name
├── StoppedError            the work was ended before it was done
├── StorageError            a file cannot be written: no space, no permission
└── ModelError              the model cannot be had or cannot do this
├── ModelNotFoundError  neither bundled, nor a folder, nor reachable on the Hub
├── UnsafeModelError    refused by the safety checks of a public server
└── UnsupportedError    this model cannot do what was asked; the message lists what can
"""

from __future__ import annotations


class ExplainError(Exception):
    """Base of all errors that a caller of `explain` may want to catch."""


class InputError(ExplainError, ValueError):
    """The text, target, position or option cannot be used."""


class TextTooLongError(InputError):
    """The text has more tokens than the model reads.

    Attributes:
        tokens: How many it has.
        limit: How many the model reads.
    """

    def __init__(self, message: str, *, tokens: int = 0, limit: int = 0) -> None:
        super().__init__(message)
        self.tokens = tokens
        self.limit = limit


class TargetError(InputError):
    """The target or foil is not something the model can say."""


class UnknownMethodError(ExplainError, KeyError):
    """No method has this name."""

    def __str__(self) -> str:
        return str(self.args[0])


class StoppedError(ExplainError):
    """The work was ended before it was done."""


class StorageError(ExplainError, OSError):
    """A file cannot be written: no space, no permission."""


class ModelError(ExplainError):
    """The model cannot be had or cannot do this."""


class ModelNotFoundError(ModelError):
    """Neither bundled, nor a folder, nor reachable on the Hub."""


class UnsafeModelError(ModelError):
    """Refused by the safety checks of a public server."""


class UnsupportedError(ModelError):
    """What was asked is not possible with this model."""
