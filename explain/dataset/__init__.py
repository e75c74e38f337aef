"""A whole data set explained: a run in a folder (`explain_dataset`, `Run`), and what it found (`findings`)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explain.dataset.reader import Run as Run
    from explain.dataset.run import explain_dataset as explain_dataset

_HOME = {"Run": "explain.dataset.reader", "explain_dataset": "explain.dataset.run"}
__all__ = ["Run", "explain_dataset"]


def __getattr__(name: str) -> Any:
    """A run is read without loading a model library."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
