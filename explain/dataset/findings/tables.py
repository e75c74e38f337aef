"""Findings as CSV files, which a spreadsheet may open without running what a text says."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explain.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula; an apostrophe before it makes it text."""


def csv_of(frame: pd.DataFrame) -> str:
    """A table as CSV; text is quoted, and begins with an apostrophe where a spreadsheet would read it as a formula."""
    return frame.map(_harmless).to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)


def write_tables(frames: Mapping[str, pd.DataFrame], folder: str | Path) -> tuple[Path, ...]:
    """One CSV file per table that is not empty, in a folder that is made if it is not there.

    Raises:
        InputError: A file cannot be written.
    """
    written = []
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name, frame in frames.items():
            if not frame.empty:
                path = Path(folder) / f"{name}.csv"
                path.write_text(csv_of(frame), encoding="utf-8")
                written.append(path)
    except OSError as error:
        raise InputError(f"{error.filename or folder} cannot be written: {error.strerror or error}.") from error
    return tuple(written)


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
