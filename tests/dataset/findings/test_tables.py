"""CSV files hold the numbers, and no text in them is a formula."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest

from dataset.findings.made import corpus, write
from explain.dataset.findings import findings
from explain.dataset.findings.tables import csv_of, write_tables
from explain.errors import InputError


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_is_never_a_formula_and_numbers_stay(text: str) -> None:
    written = csv_of(pd.DataFrame({"word": [text, "plain"], "mean": [-1.5, 2.0]}))
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert rows == [["word", "mean"], [f"'{text}", "-1.5"], ["plain", "2.0"]]


def test_every_table_that_is_not_empty_is_a_file(tmp_path: Path) -> None:
    found = findings(write(tmp_path / "run", corpus(40), ["lrp", "occlusion"]), minimum=2)
    frames = found.to_frames()
    written = write_tables(frames, tmp_path / "new" / "tables")
    assert {path.stem for path in written} == {name for name, frame in frames.items() if not frame.empty}
    words = pd.read_csv(tmp_path / "new/tables/words.csv")
    assert words["effect_mean"].tolist() == pytest.approx([one.effect.mean for one in found.words], rel=1e-12)
    with pytest.raises(InputError, match="cannot be written"):
        write_tables(frames, written[0])
