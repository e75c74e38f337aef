"""The texts of a run: files, a data set of the Hub or one in memory, read with `datasets`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explain.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset

FORMATS = {".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}
USUAL = ("text", "sentence")
"""Names of the text column that need not be said."""
AT_ONCE = 1024
QUOTES_ARE_TEXT = 3


@dataclass(frozen=True)
class Row:
    """One row of the data: its number from 0, its text (anything may stand there) and its label as text."""

    number: int
    text: Any
    label: str | None


@dataclass(frozen=True)
class Data:
    """The texts of a run and, if there is such a column, their labels.

    Attributes:
        dataset: What `datasets` read.
        source: Where it comes from, in words.
        text_column: Which column is explained.
        label_column: Which column holds the right answer.
    """

    dataset: Dataset
    source: str
    text_column: str
    label_column: str | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def rows(self, start: int, stop: int) -> list[Row]:
        """The rows from `start` to before `stop`."""
        part = self.dataset[start:stop]
        labels = [None] * len(part[self.text_column]) if self.label_column is None else map(self._label, part[self.label_column])
        return [Row(start + place, text, label) for place, (text, label) in enumerate(zip(part[self.text_column], labels, strict=True))]

    def _label(self, value: Any) -> str | None:
        if value is None:
            return None
        names = self._names
        return names[value] if names and isinstance(value, int) and 0 <= value < len(names) else str(value)

    @cached_property
    def _names(self) -> list[str]:
        """Of the labels, where the data set names them."""
        feature = self.dataset.features[self.label_column] if self.label_column is not None else None
        return list(getattr(feature, "names", None) or ())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all texts and labels in their order."""
        digest = hashlib.sha256()
        for start in range(0, len(self), AT_ONCE):
            rows = self.rows(start, start + AT_ONCE)
            digest.update(json.dumps([[row.text, row.label] for row in rows], default=str).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """What a manifest keeps of it."""
        return {
            "source": self.source,
            "text_column": self.text_column,
            "label_column": self.label_column,
            "rows": len(self),
            "fingerprint": self.fingerprint,
        }


def read(
    data: str | Path | Dataset | pd.DataFrame | Iterable[str] | Iterable[Mapping[str, Any]],
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    config: str | None = None,
    split: str | None = None,
    cache: str | Path | None = None,
    most: int | None = None,
) -> Data:
    """Read the texts.

    Args:
        data: A CSV, TSV (a quotation mark is a character like any other there), JSONL, JSON or Parquet file, the id of a data set on the
            Hub, a `datasets.Dataset`, a pandas table, texts, or mappings from column names.
        text_column: Which column is explained; "text", "sentence" or the only column if left out.
        label_column: Which column holds the right answer, if one does.
        config: Which configuration of a data set on the Hub.
        split: Which split of it; "train" if left out.
        cache: Where `datasets` keeps what it read; its own folder if left out.
        most: The bytes that a Parquet file may take once it is read, which its own size does not bound.

    Raises:
        InputError: There is no such file, data set or column, or it cannot be read.
    """
    import datasets

    if isinstance(data, str | Path):
        path = Path(data).expanduser()
        if path.suffix.lower() in FORMATS or path.exists():
            if config is not None or split is not None:
                raise InputError(f"{data} is a file: it has no configuration and no split. Leave them out.")
            found, source = _file(path, text_column, label_column, cache, most), path.name
        else:
            found, source = _hub(str(data), config, split or "train", cache), " ".join(filter(None, (str(data), config, split or "train")))
    else:
        found, source = (data if isinstance(data, datasets.Dataset) else _in_memory(data, text_column)), "memory"
    chosen = _text_column(found.column_names, text_column)
    _present(found.column_names, label_column)
    if not len(found):
        raise InputError(f"There is no row in {source}. Give at least one text.")
    return Data(found, source, chosen, label_column)


def _file(path: Path, text_column: str | None, label_column: str | None, cache: str | Path | None, most: int | None) -> Dataset:
    import datasets
    import pandas as pd

    from explain.dataset.parquet import check_size

    kind = FORMATS.get(path.suffix.lower())
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    if kind is None:
        raise InputError(f"{path} is none of the kinds that can be read: {', '.join(FORMATS)}.")
    how: dict[str, Any] = {}
    try:
        if kind == "csv":
            layout: dict[str, Any] = {"sep": "\t", "quoting": QUOTES_ARE_TEXT} if path.suffix.lower() == ".tsv" else {}
            names = [str(name) for name in pd.read_csv(path, nrows=0, **layout).columns]
            wanted = [_text_column(names, text_column), *([] if label_column is None else [_present(names, label_column)])]
            how = {**layout, "usecols": wanted, "converters": dict.fromkeys(wanted, str)}
            how |= {"keep_default_na": False, "na_filter": False, "skip_blank_lines": len(names) > 1}
        if kind == "parquet" and most is not None:
            check_size([path], most)
        return datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=None if cache is None else str(cache), **how)
    except InputError:
        raise
    except _failures() as error:
        raise InputError(f"{path} cannot be read as {path.suffix.lower().lstrip('.').upper()}: {_reason(error)}") from error


def _hub(name: str, config: str | None, split: str, cache: str | Path | None) -> Dataset:
    import datasets

    try:
        return datasets.load_dataset(name, config, split=split, cache_dir=None if cache is None else str(cache))
    except _failures() as error:
        raise InputError(
            f"{name!r} is neither a file ({', '.join(FORMATS)}) nor a data set that can be had from the Hub: {_reason(error)}"
        ) from error


def _in_memory(data: Any, text_column: str | None) -> Dataset:
    import datasets
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        return datasets.Dataset.from_pandas(data, preserve_index=False)
    if isinstance(data, Mapping):
        raise InputError(f"Several tables were given ({', '.join(map(str, data))}). Give one of them, such as its split for training.")
    rows = list(data)
    try:
        if rows and all(isinstance(row, Mapping) for row in rows):
            return datasets.Dataset.from_list([dict(row) for row in rows])
        return datasets.Dataset.from_dict({text_column or USUAL[0]: rows})
    except _failures() as error:
        raise InputError(f"The rows cannot be read as a table: {_reason(error)}") from error


def _text_column(names: list[str], given: str | None) -> str:
    if given is not None:
        return _present(names, given) or given
    usual = [name for name in USUAL if name in names] or (names if len(names) == 1 else [])
    if not usual:
        raise InputError(f"Which column holds the texts? Name one of: {', '.join(names)}.")
    return usual[0]


def _present(names: list[str], wanted: str | None) -> str:
    if wanted is not None and wanted not in names:
        raise InputError(f"There is no column {wanted!r}. The data has: {', '.join(names) or 'none'}.")
    return wanted or ""


def _failures() -> tuple[type[Exception], ...]:
    """What reading ends with when the data is at fault, or the connection to it."""
    import pyarrow as pa
    from datasets.exceptions import DatasetsError

    return OSError, ValueError, TypeError, DatasetsError, pa.ArrowException


def _reason(error: BaseException) -> str:
    """The first line of what lies at the bottom of an error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next(iter(str(error).splitlines()), "") or type(error).__name__
