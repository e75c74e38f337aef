"""Positions in a typed text are found again in the text that the model reads."""

from __future__ import annotations

import pytest

from explain import InputError
from explain.prompts.typed import position_in


def test_positions_move_with_prefixes_and_blanks():
    assert position_in("a b", "sst2: a b", "<mask>")(2) == 8
    moved = position_in("___[MASK] a ____ b", "<mask><mask> a <mask> b", "<mask>")
    assert [moved(position) for position in (0, 3, 9, 10, 11, 12, 16, 17, 18)] == [0, 6, 12, 13, 14, 15, 21, 22, 23]
    sentinels = position_in("__ a ___.", "<extra_id_0> a <extra_id_1>.", "None")
    assert sentinels(3) == 13
    with pytest.raises(InputError, match="cannot be found"):
        position_in("a", "b", "<mask>")
