"""What a font lacks is drawn with another one, or as a box."""

from __future__ import annotations

import pytest

from explain.visualization import fonts


def test_what_no_font_has_becomes_a_box(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_installed", lambda: ())
    assert fonts.families(["你好 film"]) == [fonts.BASE]
    assert fonts.drawable("你好 film", [fonts.BASE]) == "□□ film"
    assert fonts.drawable("a\nb\tc", [fonts.BASE]) == "a↵b c"
    assert fonts.drawable("x" * 30, [fonts.BASE]) == "x" * 23 + "…"


def test_an_installed_font_is_taken_only_where_it_is_needed() -> None:
    assert fonts.families(["film"]) == [fonts.BASE]
    chosen = fonts.families(["你"])
    if len(chosen) == 1:
        pytest.skip("no font with Chinese characters is installed")
    assert fonts.drawable("你", chosen) == "你"
