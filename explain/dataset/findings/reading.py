"""How findings read a run: its methods by name and title, and its rows in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explain.dataset.findings.checking import check_run, check_tokens
from explain.errors import InputError
from explain.evaluation.labels import MethodLabel
from explain.models.interruption import checkpoint
from explain.types import Family

if TYPE_CHECKING:
    import pyarrow as pa

    from explain.dataset.reader import Run

ROWS = 1024


def opened(run: Run | str | Path) -> Run:
    """A run, opened if its folder is given."""
    if not isinstance(run, str | Path):
        return run
    from explain.dataset.reader import Run

    return Run.open(run)


def iter_batches(run: Run, columns: Iterable[str]) -> Iterator[pa.RecordBatch]:
    """The rows of a run in the order of the data, at most `ROWS` at a time; columns that a run may lack are left out.

    Raises:
        InputError: The run is damaged.
    """
    check_run(run)
    for batch in run.batches(tuple(dict.fromkeys(columns)), rows=ROWS):
        checkpoint()
        check_tokens(batch)
        yield batch


def labels_of_methods(run: Run, methods: Sequence[str] | None = None) -> tuple[MethodLabel, ...]:
    """What a person reads for the chosen methods of a run, or all of them; one that is not in the catalog has its name and a sign.

    Raises:
        InputError: The run has no such method.
    """
    from explain.methods.catalog import METHODS

    missing = next((name for name in methods or () if name not in run.methods), None)
    if missing is not None:
        raise InputError(f"This run has no method {missing!r}. It has: {', '.join(run.methods) or 'none'}.")
    chosen = list(dict.fromkeys(methods)) if methods else list(run.methods)
    known = {name: METHODS.get(name) for name in chosen}
    return tuple(
        MethodLabel(name, name, Family.EXTERNAL, True) if method is None else MethodLabel(name, method.title, method.family, method.signed)
        for name, method in known.items()
    )


def about_of(run: Run) -> dict[str, Any]:
    """What holds for a whole run and a reader wants to know of it."""
    manifest = run.manifest
    return {name: manifest.get(name) for name in ("model", "task", "unit", "foil")}
