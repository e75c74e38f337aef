"""`explain replay`: a card explained again, every number compared."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from explain.commands.console import say
from explain.defaults import TOLERANCE

if TYPE_CHECKING:
    from explain.commands.console import Commands
    from explain.sharing.replay import Replay


def add(commands: Commands) -> None:
    """What `replay` takes."""
    again = commands.add_parser(
        "replay",
        help="explain a card again and compare",
        description="Explain a card again and compare every number: exit code 0 if all are equal, 1 if not, 2 if it cannot be replayed.",
    )
    again.set_defaults(run=_replay)
    again.add_argument("card", metavar="CARD", help="a file that was written with --card")
    again.add_argument(
        "--tolerance", type=_tolerance, default=TOLERANCE, metavar="X", help="relative difference that is equal (default: %(default)g)"
    )


def _replay(given: argparse.Namespace) -> int:
    from explain.sharing.card import read
    from explain.sharing.replay import replay

    result = replay(read(given.card), tolerance=given.tolerance)
    say("\n".join(_replay_lines(result)))
    return 0 if result.equal else 1


def _replay_lines(result: Replay) -> list[str]:
    from explain.visualization.terminal import grid, printable

    rows = [["method", "quantity", "absolute difference", "relative difference", ""]]
    for difference in result.differences:
        verdict = "equal" if difference.equal else "DIFFERENT"
        rows.append([difference.method, difference.quantity, f"{difference.absolute:.2e}", f"{difference.relative:.2e}", verdict])
    said = [*(f"DIFFERENT: {line}" for line in result.mismatches), *(f"Note: {line}" for line in result.warnings)]
    verdict = "Equal" if result.equal else "Not equal"
    return [*grid(rows), *map(printable, said), f"{verdict} (relative tolerance {result.tolerance:g})."]


def _tolerance(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number from 0 on, got {text}")
    return value
