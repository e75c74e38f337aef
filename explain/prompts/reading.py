"""Prompts from text and from CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from explain.errors import InputError
from explain.types import Question

FEWEST = 2
LARGEST_FILE = 1_000_000
TEXT_COLUMNS = ("text", "prompt", "sentence")
DELIMITERS = (",", ";", "\t")


def read_prompts(text: str) -> tuple[Question, ...]:
    """One prompt per line; blank lines are skipped.

    Raises:
        InputError: There are fewer than two.
    """
    return counted([Question(line.strip()) for line in text.splitlines() if line.strip()])


def read_csv(source: str | Path, *, column: str | None = None) -> tuple[Question, ...]:
    """Prompts from a CSV file, with commas, semicolons or tabs between the cells.

    The first row is a header if it names a column text, prompt or sentence (in any case), or if `column` is given. The prompts are that
    column, or the first one of a file without header. Columns called target and foil, where there are any, say what is explained of their
    row; an empty cell says nothing.

    Args:
        source: A path, or the content of a file (a string of several lines), in UTF-8.
        column: The header of the column to read.

    Raises:
        InputError: The file cannot be read, is too large or no UTF-8, a row or cell is broken or empty, the column is missing, or there are
            fewer than two prompts.
    """
    content = _content(source)
    if not content.strip():
        raise InputError("The CSV file is empty. Give one prompt in each row.")
    names = TEXT_COLUMNS if column is None else (column.strip().lower(),)
    delimiter = next((sign for sign in DELIMITERS if set(names) & set(_header(content, sign))), ",")
    rows = _rows(content, delimiter)
    header = _header(content, delimiter)
    if column is not None and names[0] not in header:
        raise InputError(f"The CSV file has no column {column!r}. Its first row has: {', '.join(rows[0][1])}.")
    name = next((name for name in names if name in header), None)
    cell = 0 if name is None else header.index(name)
    body = rows if name is None else rows[1:]
    width = len(rows[0][1])
    prompts = []
    for line, row in body:
        if len(row) != width:
            raise InputError(
                f"Line {line} of the CSV file has {len(row)} cells, the first row has {width}. "
                f'Put quotes (") around a text that holds a {delimiter!r}.'
            )
        if not row[cell].strip():
            raise InputError(f"Line {line} of the CSV file has no prompt: its {'first cell' if name is None else name} is empty.")
        target, foil = (
            row[header.index(key)].strip() or None if name is not None and key in header else None for key in ("target", "foil")
        )
        prompts.append(Question(row[cell].strip(), target, foil))
    return counted(prompts)


def counted(prompts: Sequence[Question]) -> tuple[Question, ...]:
    """The prompts, if they are enough to be compared.

    Raises:
        InputError: There are fewer than two.
    """
    if len(prompts) < FEWEST:
        raise InputError(f"Give at least {FEWEST} prompts to compare, got {len(prompts)}.")
    return tuple(prompts)


def _content(source: str | Path) -> str:
    if isinstance(source, str) and len(source.splitlines()) != 1:
        return source.removeprefix("\ufeff")
    path = Path(source)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"The CSV file {path.name} has {path.stat().st_size} bytes; at most {LARGEST_FILE} are read. Give fewer rows.")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The CSV file {path.name} is not in UTF-8 (byte {error.start}). Save it again with the encoding UTF-8."
        ) from error
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"The CSV file {str(path)!r} cannot be read. Give the path of a CSV file, or its content.") from error


def _rows(content: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """The rows that are not blank, each with the number of its last line."""
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(f"Line {reader.line_num} of the CSV file cannot be read: {error}.") from error


def _header(content: str, delimiter: str) -> list[str]:
    """The cells of the first row that is not blank."""
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
    try:
        first = next((row for row in reader if any(cell.strip() for cell in row)), [])
    except csv.Error:
        return []  # the whole file is read strictly after this, and the error said then
    return [cell.strip(" ").lower() for cell in first]  # a tab stays: it may be what parts the cells
