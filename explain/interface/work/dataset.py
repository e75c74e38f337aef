"""From a visitor's texts, file or run to findings; no torch context is open while it yields."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from explain.dataset.batches import Asking
from explain.dataset.data import read
from explain.dataset.findings import Concordance, Findings, Slice, Where, behind, concordance, findings, side_by_side
from explain.dataset.findings.checking import check_run
from explain.dataset.findings.pairs import SideBySide
from explain.dataset.findings.tables import csv_of
from explain.dataset.manifest import begin, run_of
from explain.dataset.parquet import check_size
from explain.dataset.reader import Run
from explain.dataset.run import Work, manifest_of
from explain.dataset.store import Store
from explain.errors import ExplainError, InputError
from explain.evaluation.faithfulness import FaithfulnessSettings
from explain.explainer import TokenExplainer
from explain.interface.limits import limits
from explain.interface.work.budget import ask, check_length, check_passes, faithfulness_passes, passes_of
from explain.interface.work.explaining import explainer_of
from explain.interface.work.files import new_folder
from explain.interface.zero_gpu import on_gpu
from explain.methods.catalog import make_methods
from explain.methods.method import Method
from explain.models.interruption import attempt, checkpoint
from explain.sharing.request import Request
from explain.types import Question

PIECE = 16
"""Rows that are explained between two signs of life."""
MEASURED = FaithfulnessSettings(orders=10, beam=1, limit=150)
FILES = re.compile(r"manifest\.json|part-\d{1,9}\.parquet|refused-\d{1,9}\.jsonl")
RUN_FILES = (".zip", ".parquet")
INFLATED = 20
"""How many times its own size a file may take in memory."""
FEWER = "Give fewer rows."
Rows = Sequence[dict[str, Any]]


def rows_from(typed: str) -> Rows:
    """A text per line, with its label after a tab if there is one.

    Raises:
        InputError: There is none, or there are too many.
    """
    lines = [line for line in typed.splitlines() if line.strip()]
    if not lines:
        raise InputError("There is no text. Give at least one.")
    limits().check("rows", len(lines), FEWER)
    parts = [line.rpartition("\t") if "\t" in line else (line, "", "") for line in lines]
    return [{"text": text.strip(), "label": label.strip() or None} for text, _, label in parts]


def rows_of_file(path: str | Path, text_column: str | None, label_column: str | None) -> Rows:
    """The texts and labels of a CSV, TSV, JSONL, JSON or Parquet file.

    Raises:
        InputError: It cannot be read, a column is missing, or there are too many rows.
    """
    cache = new_folder()
    try:
        data = read(
            path, text_column=text_column or None, label_column=label_column or None, cache=cache, most=limits().file_bytes * INFLATED
        )
        limits().check("rows", len(data), FEWER)
        return [{"text": row.text, "label": row.label} for row in data.rows(0, len(data))]
    finally:
        shutil.rmtree(cache, ignore_errors=True)


@on_gpu
def iter_run(request: Request, rows: Rows, folder: Path, *, faithfulness: bool = False) -> Iterator[int]:
    """Explain the rows into a folder, as `explain_dataset` does; says how many are done after every few.

    Raises:
        InputError: There are too many rows or passes, or a text is too long for this server.
    """
    limits().check("rows", len(rows), FEWER)
    methods = make_methods(request.methods, request.options)
    common = {name: value for name, value in request.question.given.items() if name != "text"}
    with explainer_of(request) as explainer:
        for method in methods:
            method.check(explainer.model)
        check_passes(len(rows) * _passes_of_a_row(explainer, methods, rows, common, faithfulness=faithfulness))
        asking = Asking(explainer.model, methods, common, MEASURED if faithfulness else None)
        data = read(rows, text_column="text", label_column="label")
        manifest = manifest_of(asking, data, PIECE, 0)
        work = Work(asking, data, Store(folder, run_of(manifest)), PIECE)
        begin(folder, manifest)
        for chunk in work.pending():
            checkpoint()  # a method that only reads the pass that texts share makes none of its own
            work.explain(chunk)
            yield min((chunk + 1) * PIECE, len(rows))


@dataclass(frozen=True)
class Look:
    """What a visitor wants to know of a run.

    Attributes:
        minimum: In how many rows a word must stand.
        keywords: Words or phrases whose effect is wanted.
        slices: Slices of the rows, as `Slice.read` reads them.
    """

    minimum: int
    keywords: Sequence[str] = ()
    slices: Sequence[str] = ()

    def at(self, folder: Path) -> Findings:
        """What the run in a folder found."""
        limits().check("keywords", len(self.keywords), "Give fewer keywords.")
        limits().check("keywords", len(self.slices), "Give fewer slices.")
        return findings(folder, minimum=self.minimum, keywords=self.keywords, slices=self.slices)


def open_runs(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """The folders of two runs, a ZIP file each, or of the one that all files are of.

    Raises:
        InputError: One is no run, or too large.
    """
    if len(paths) != 2 or any(Path(path).suffix != ".zip" for path in paths):
        return (open_run(paths),)
    first = open_run(paths[:1])
    try:
        return first, open_run(paths[1:])
    except BaseException:
        remove(first)
        raise


def open_run(paths: Sequence[str | Path]) -> Path:
    """The folder of a run that was uploaded as a ZIP file, or as its parts with their manifest.

    Raises:
        InputError: It is no run, or too large.
    """
    folder = new_folder()
    try:
        for path in map(Path, paths):
            if path.suffix == ".zip":
                _unzip(path, folder)
            elif FILES.fullmatch(path.name):
                shutil.copyfile(path, folder / path.name)
            else:
                raise InputError(f"{path.name} is no file of a run. Give a .zip of its folder, or part-*.parquet and manifest.json.")
        run = Run.open(folder)
        check_run(run)
        limits().check("rows", len(run), FEWER)
        check_size(run.parts, limits().file_bytes * INFLATED)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def beside(runs: Sequence[Path], method: str, other: str, *, minimum: int) -> SideBySide:
    """A method of a run, and one of another run or of the same, side by side."""
    second = runs[1] if len(runs) > 1 else None
    return side_by_side(runs[0], second, method=method, other_method=other, minimum=minimum)


def in_context(folder: Path, word: str, method: str, where: Where | None = None) -> Concordance:
    """A word, or a phrase, in its contexts."""
    asked: str | Slice = Slice(word, words=(word,)) if len(word.split()) > 1 else word
    return concordance(folder, asked, method=method, where=where)


def take_along(folder: Path, found: Findings) -> dict[str, Path]:
    """Files that a visitor may download: the run itself with its tables, and a report."""
    from explain.visualization.findings_page import findings_page

    written = new_folder()
    lines = dict(enumerate(behind(folder, [*found.words, *found.errors, *found.cues])))
    files = {"zip": written / "run.zip", "html": written / "findings.html"}
    files["html"].write_text(findings_page(found, lines), encoding="utf-8")
    with zipfile.ZipFile(files["zip"], "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            if FILES.fullmatch(path.name):
                archive.write(path, path.name)
        for name, frame in found.to_frames().items():
            if not frame.empty:
                archive.writestr(f"tables/{name}.csv", csv_of(frame))
    return files


def remove(*folders: Path) -> None:
    """Delete the folders of runs."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _passes_of_a_row(
    explainer: TokenExplainer, methods: Sequence[Method], rows: Rows, common: dict[str, Any], *, faithfulness: bool
) -> int:
    """About how many forward passes the longest row takes that can be asked."""
    texts = sorted({row["text"] for row in rows if isinstance(row["text"], str)}, key=len, reverse=True)
    check_length(explainer, [Question(text, **common) for text in texts])
    asked: Any = InputError("There is no text among the rows. Choose the column that holds the texts.")
    for text in texts[:PIECE]:
        asked = attempt(partial(ask, explainer, Question(text, **common), methods))
        if not isinstance(asked, ExplainError):
            words = min(100, len(text.split()) + 1)
            more = faithfulness_passes(words, len(methods) + MEASURED.orders, MEASURED.beam, MEASURED.limit) if faithfulness else 0
            return passes_of(methods, asked) + more
    raise asked


def _unzip(path: Path, folder: Path) -> None:
    """The files of a run in an archive, whatever folder they are in there; nothing else of it is read."""
    most = limits().file_bytes * INFLATED
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if FILES.fullmatch(Path(member.filename).name)]
            if sum(member.file_size for member in members) > most:
                raise InputError(f"{path.name} holds more than {most:,} bytes, which is more than is taken here. {FEWER}")
            for member in members:
                with archive.open(member) as source, (folder / Path(member.filename).name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise InputError(f"{path.name} cannot be read as a ZIP file: {error}.") from error
