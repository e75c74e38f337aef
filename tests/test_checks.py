"""Plain values from outside are checked by name."""

from __future__ import annotations

import math
from typing import Any

import pytest

from explain import InputError
from explain.checks import NUMBER, RECORD, SWITCH, TEXT, WHOLE, check_record, either, list_of, mapping_of, optional

KINDS = {"name": TEXT, "count": WHOLE, "share": optional(NUMBER), "parts": list_of(either(TEXT, WHOLE)), "more": mapping_of(SWITCH)}
GOOD: dict[str, Any] = {"name": "a", "count": 3, "share": None, "parts": ["a", 1], "more": {"x": True}}


def test_what_is_right_is_given_back() -> None:
    assert check_record("The card", GOOD, KINDS) is GOOD
    assert check_record("The card", {"name": "a"}, KINDS, may_lack=set(KINDS) - {"name"}) == {"name": "a"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 3}, "The card: field 'name' must be text, got 3."),
        ({"name": "\ud800"}, "The card: field 'name' must be text"),
        ({"count": True}, "field 'count' must be a whole number, got True"),
        ({"count": 2**63}, "field 'count' must be a whole number"),
        ({"count": 2.0}, "field 'count' must be a whole number, got 2.0"),
        ({"share": math.nan}, "field 'share' must be a finite number or null, got nan"),
        ({"share": math.inf}, "field 'share' must be a finite number or null"),
        ({"share": 10**400}, "field 'share' must be a finite number or null"),
        ({"parts": "ab"}, r"field 'parts' must be a list \(text or a whole number each\), got 'ab'"),
        ({"parts": [None]}, "field 'parts' must be a list"),
        ({"more": {"x": 1}}, r"field 'more' must be an object \(true or false for each name\)"),
        ({"more": {1: True}}, "field 'more' must be an object"),
        ({"other": 1}, "The card has an unknown field 'other'. Known: name, count, share, parts, more"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_record("The card", GOOD | changes, KINDS)


def test_what_is_missing_or_no_object_is_named() -> None:
    with pytest.raises(InputError, match=r"The card has no field 'count'\. It needs a whole number there"):
        check_record("The card", {"name": "a"}, KINDS)
    for given in ([], "x", None):
        with pytest.raises(InputError, match="The card must be a JSON object, got"):
            check_record("The card", given, KINDS)
    assert RECORD.holds({})
    assert not RECORD.holds([])
