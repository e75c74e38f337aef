"""`explain catalog`: the tasks, models on board and methods that there are."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from explain.commands.console import say

if TYPE_CHECKING:
    from explain.commands.console import Commands


def add(commands: Commands) -> None:
    """What `catalog` takes."""
    catalog = commands.add_parser("catalog", help="list tasks, models on board and methods", description="List what there is.")
    catalog.set_defaults(run=_catalog)
    catalog.add_argument("--json", action="store_true", help="as JSON, with every option of every method")


def _catalog(given: argparse.Namespace) -> int:
    from explain.methods.catalog import METHODS
    from explain.models.catalog import models_for
    from explain.models.tasks import TASKS
    from explain.visualization.terminal import grid

    tasks = {
        name: {
            "title": task.title,
            "units": [unit.value for unit in task.units],
            "models": [entry.name for entry in models_for(name, hub=False)],
        }
        for name, task in TASKS.items()
    }
    if given.json:
        say(json.dumps({"tasks": tasks, "methods": [method.describe() for method in METHODS.values()]}, ensure_ascii=False, indent=1))
        return 0
    lines = grid([["task", "units", "models on board"], *([n, ", ".join(t["units"]), ", ".join(t["models"])] for n, t in tasks.items())])
    lines += ["", *grid([["method", "family", "what it computes"], *([m.name, m.family.value, m.summary] for m in METHODS.values())])]
    options = [[f"{m.name}.{o.name}", str(o.to_dict()["default"]), o.help] for m in METHODS.values() for o in m.option_fields()]
    say("\n".join([*lines, "", *grid([["option", "default", "help"], *options])]))
    return 0
