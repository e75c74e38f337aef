"""Runs the code of a notebook in one IPython shell, as a kernel does, and prints the outputs of its cells as a notebook saves them."""

from __future__ import annotations

import json
import sys
from typing import Any

import pandas
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

shell = InteractiveShell.instance()
pandas.set_option("display.max_columns", 20)  # as in a kernel; in a shell it goes by the width of the terminal
values: list[Any] = []
shell.display_trap.hook = values.append


def ran(source: str) -> list[dict[str, Any]]:
    values.clear()
    with capture_output() as said:
        shell.run_cell(source).raise_error()
    streams = [{"output_type": "stream", "name": name, "text": text} for name in ("stdout", "stderr") if (text := getattr(said, name))]
    shown = [output.data for output in said.outputs]
    shown += [shell.display_formatter.format(value)[0] for value in values if value is not None]
    return [*streams, *({"output_type": "display_data", "data": data} for data in shown)]


json.dump([ran(source) for source in json.load(sys.stdin)], sys.stdout)
