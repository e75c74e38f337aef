"""The notebooks run from top to bottom in a fresh process and show what they were saved with."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from processes import Python

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
NUMBER = re.compile(r"(-?\d+\.\d+)")
TOLERANCE = 2e-3
LARGEST_PICTURE = 60_000
Outputs = list[Mapping[str, Any]]


def outputs(notebook: nbformat.NotebookNode) -> list[Outputs]:
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def texts(found: Outputs) -> list[str]:
    """What the outputs of a cell say: printed text, plain and HTML."""
    said = []
    for output in found:
        assert output["output_type"] != "error"
        if output["output_type"] == "stream":
            said.append(output["text"])
        else:
            said += [text for kind, text in sorted(output["data"].items()) if kind.startswith("text/")]
    return said


def kinds(found: Outputs) -> list[Any]:
    return [output.get("name") or sorted(output["data"]) for output in found]


def differences(saved: str, now: str) -> list[str]:
    """Words that differ, and decimals that differ by more than the tolerance; how wide a column is does not matter."""
    first, second = ([piece for piece in NUMBER.split(text) if piece.strip()] for text in (saved, now))
    if len(first) != len(second):
        return [f"{len(first)} pieces against {len(second)}"]
    found = []
    for one, other in zip(first, second, strict=True):
        if NUMBER.fullmatch(one) and NUMBER.fullmatch(other):
            step = 10.0 ** -len(one.partition(".")[2])
            same = abs(float(one) - float(other)) <= max(TOLERANCE, 1.01 * step)
        else:
            same = re.sub(r"[\s-]+", " ", one).strip() == re.sub(r"[\s-]+", " ", other).strip()
        if not same:
            found.append(f"{one!r} against {other!r}")
    return found


def test_differences_are_seen() -> None:
    assert not differences("a  1.000 -0.000\n", "a 1.001 0.000")
    assert differences("a 1.000", "a 1.004")
    assert differences("a 1.000", "b 1.000")
    assert differences("a 1.000", "a 1.000 2.000")


def test_every_notebook_is_in_the_index() -> None:
    index = (EXAMPLES / "README.md").read_text()
    assert len(NOTEBOOKS) == 8
    assert set(re.findall(r"\]\((\w+\.ipynb)\)", index)) == {path.name for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_saved_outputs_are_small_and_of_no_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].source.startswith("# ")
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert all(not cell.metadata for cell in notebook.cells)
    assert sum(1 for found in outputs(notebook) if found) >= 3
    for found in outputs(notebook):
        assert all(output.get("name") != "stderr" for output in found)
        for text in texts(found):
            assert not re.search(r"(?<![\w<:/])(/\w[\w.-]*){2,}|[A-Z]:\\|file:|0x[0-9a-f]{6}|[Ww]arning", text), text
        for output in found:
            if "image/png" in output.get("data", {}):
                assert len(base64.b64decode(output["data"]["image/png"])) < LARGEST_PICTURE


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_gives_what_was_saved(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    done = Python("tests/notebook.py", given=json.dumps(code), environment={"HF_HUB_OFFLINE": "1"}).wait()
    assert done.code == 0, done.err
    for number, (before, after) in enumerate(zip(outputs(notebook), json.loads(done.out), strict=True)):
        assert kinds(before) == kinds(after), number
        for one, other in zip(texts(before), texts(after), strict=True):
            assert not differences(one, other), number
