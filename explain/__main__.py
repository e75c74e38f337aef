"""The command line, such as `explain text "…"`; `python -m explain` is the same.

Nothing heavy is imported for `--help`: names of tasks, methods and options are checked by those who know them, when they are used.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from explain.commands import catalog, context, dataset, findings, replay, text
from explain.commands.console import program
from explain.errors import ExplainError

COMMANDS = (text, context, dataset, findings, replay, catalog)
"""In the order in which `--help` lists them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, or 1 for a replay that differs, or 2 for input that cannot be used."""
    given = parser().parse_args(arguments)
    try:
        code: int = given.run(given)
        sys.stdout.flush()
    except ExplainError as error:
        print(f"{program()}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader has gone; what is left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def parser() -> argparse.ArgumentParser:
    """The arguments of every command."""
    top = argparse.ArgumentParser(program(), description="Which tokens made the model say that?")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
