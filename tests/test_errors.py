"""The tree of errors: what callers may catch."""

from __future__ import annotations

import inspect

import pytest

import explain
from explain import errors


def test_the_tree_is_the_one_drawn() -> None:
    expected = {
        "InputError": {"ExplainError", "ValueError"},
        "TextTooLongError": {"InputError"},
        "TargetError": {"InputError"},
        "UnknownMethodError": {"ExplainError", "KeyError"},
        "StoppedError": {"ExplainError"},
        "StorageError": {"ExplainError", "OSError"},
        "ModelError": {"ExplainError"},
        "ModelNotFoundError": {"ModelError"},
        "UnsafeModelError": {"ModelError"},
        "UnsupportedError": {"ModelError"},
        "ExplainError": {"Exception"},
    }
    found = {name: {base.__name__ for base in kind.__bases__} for name, kind in vars(errors).items() if inspect.isclass(kind)}
    assert found == expected
    drawing = errors.__doc__ or ""
    assert all(name in drawing for name in expected)


@pytest.mark.parametrize("name", [name for name, kind in vars(errors).items() if inspect.isclass(kind)])
def test_every_error_is_public_and_its_message_is_as_written(name: str) -> None:
    kind = getattr(explain, name)
    assert name in explain.__all__
    assert str(kind("The method 'x' is not known.")) == "The method 'x' is not known."
