"""Python started anew, without importing the large libraries again: forked from a process that has done nothing but import them."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
LIBRARIES = [
    *(f"transformers.models.{family}.modeling_{family}" for family in ("bert", "gpt2", "t5")),
    *("accelerate", "captum.attr", "shap", "pandas", "IPython.core.interactiveshell"),
    *("explain.explainer", "explain.methods.catalog", "explain.inside.report", "explain.visualization.static"),
]


@dataclass(frozen=True)
class Done:
    code: int | None
    out: str
    err: str


class Python:
    """`python SCRIPT` or `python -m MODULE` with arguments, started in this moment.

    Args:
        arguments: As on the command line.
        given: The standard input.
        environment: What is added to the environment; PYTHONIOENCODING is the encoding of the three streams.
    """

    def __init__(self, *arguments: str, given: str = "", environment: Mapping[str, str] | None = None) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(LIBRARIES)
        with patch.dict(os.environ, {"PYTHONPATH": str(ROOT)}):
            forkserver.ensure_running()
        self.folder = tempfile.TemporaryDirectory()
        (Path(self.folder.name) / "0").write_text(given, encoding="utf-8")
        self.process = context.Process(target=_run, args=(arguments, self.folder.name, dict(environment or {})))
        self.process.start()

    def wait(self, seconds: float = 240) -> Done:
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"still running after {seconds} seconds"
        with self.folder:
            out, err = ((Path(self.folder.name) / name).read_text(encoding="utf-8") for name in "12")
        return Done(self.process.exitcode, out, err)


def _run(arguments: tuple[str, ...], folder: str, environment: dict[str, str]) -> None:
    os.environ |= environment
    os.chdir(ROOT)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        encoding = environment.get("PYTHONIOENCODING", "utf-8")
        file = open(Path(folder) / str(number), "w" if number else "r", encoding=encoding)  # noqa: SIM115
        os.dup2(file.fileno(), number)
        setattr(sys, name, file)
    module = arguments[0] == "-m"
    sys.argv = list(arguments[module:])
    sys.path[:0] = [str(Path(sys.argv[0]).parent), *environment.get("PYTHONPATH", "").split(os.pathsep), str(ROOT)]
    if module:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
