"""The command line: `explain text`, `replay` and `catalog`; `python -m explain` is the same.

Nothing heavy is imported for `--help`: names of tasks, methods and options are checked by those who know them, when they are used.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explain.defaults import DEFAULT_METHODS, TOLERANCE
from explain.errors import ExplainError, InputError
from explain.sharing.exports import EXPORTS, Shown
from explain.types import Question

if TYPE_CHECKING:
    from explain.sharing.replay import Replay

ASKED = {
    "target": "label, token or output text to explain (default: the model's own)",
    "foil": "explain the target rather than this",
    "unit": "logit, log_probability or probability (default: the task's)",
    "position": "which mask or blank, from 0 (default: the first)",
    "step": "which output token, from 0 (default: all)",
}
"""Help for every field of a question besides the text."""


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


def program() -> str:
    """What was typed to run this: the installed script, or the package."""
    return "explain" if Path(sys.argv[0]).stem == "explain" else "python -m explain"


def parser() -> argparse.ArgumentParser:
    """The arguments of every command."""
    top = argparse.ArgumentParser(program(), description="Which tokens made the model say that?")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_text(commands)
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
    catalog = commands.add_parser("catalog", help="list tasks, models on board and methods", description="List what there is.")
    catalog.set_defaults(run=_catalog)
    catalog.add_argument("--json", action="store_true", help="as JSON, with every option of every method")
    return top


def _add_text(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    example = 'text "It is not a good movie." --method lrp --method shap --option shap.seed=1 --card card.json'
    text = commands.add_parser(
        "text", help="explain a text", description="Explain a text and print its scores.", epilog=f"example: {program()} {example}"
    )
    text.set_defaults(run=_text)
    text.add_argument("text", help='the text to explain; "-" reads it from standard input')

    model = text.add_argument_group("who is asked (`catalog` lists tasks and models)")
    model.add_argument(
        "--model", metavar="NAME", help="bundled checkpoint, folder or Hub id (default: the first one on board for the task)"
    )
    model.add_argument("--task", metavar="NAME", help="what to ask the model (default: what it is best at)")
    model.add_argument("--label", action="append", metavar="WORD", help="a word that a text-to-text classifier answers with; once for each")
    model.add_argument("--prefix", metavar="TEXT", help='what a text-to-text classifier reads before the text, such as "sst2 sentence: "')

    asked = text.add_argument_group("what is asked")
    for item in dataclasses.fields(Question)[1:]:
        whole = "str" not in str(item.type)
        asked.add_argument(f"--{item.name}", type=int if whole else str, metavar="N" if whole else "TEXT", help=ASKED[item.name])

    how = text.add_argument_group("how it is explained (`catalog` lists methods and their options)")
    how.add_argument("--method", action="append", metavar="NAME", help=f"may be repeated (default: {', '.join(DEFAULT_METHODS)})")
    how.add_argument("--option", action="append", default=[], metavar="METHOD.NAME=VALUE", help="an option of a method; may be repeated")

    view = text.add_argument_group("how it is shown")
    view.add_argument("--words", action="store_true", help="merge sub-words to words in the table, page and figures")
    view.add_argument("--no-special", action="store_true", help="leave special tokens out of the table, page and figures")

    files = text.add_argument_group("what is written")
    for kind, export in EXPORTS.items():
        files.add_argument(f"--{kind}", metavar="FILE", help=f"write {export.help}")
    files.add_argument("--maps", action="store_true", help="raw arrays such as attention weights in the JSON too")


def _text(given: argparse.Namespace) -> int:
    outputs = {kind: Path(path) for kind in EXPORTS if (path := getattr(given, kind)) is not None}
    for path in outputs.values():
        if path.is_dir() or not path.parent.is_dir():
            raise InputError(f"{path} cannot be written: {'it is a folder' if path.is_dir() else 'its folder does not exist'}.")
    shown = _explained(given, card=any(EXPORTS[kind].holds_card for kind in outputs))

    from explain.visualization.terminal import table

    _print(table(shown.explanation, words=shown.words, special=shown.special))
    for kind, path in outputs.items():
        try:
            path.write_bytes(EXPORTS[kind].written(shown))
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error
    return 0


def _explained(given: argparse.Namespace, *, card: bool) -> Shown:
    """The explanation that is asked for, with its card if that is needed."""
    from explain.explainer import TokenExplainer
    from explain.sharing.card import card as card_of
    from explain.sharing.request import Request

    text = sys.stdin.read().rstrip("\n") if given.text == "-" else given.text
    question = Question(text, **{name: getattr(given, name) for name in ASKED})
    options = _options(given.option)
    model, task = _model_and_task(given.model, given.task)
    with TokenExplainer.from_pretrained(model, task=task, labels=given.label or (), prefix=given.prefix) as explainer:
        explanation = explainer.analyze(question, given.method or DEFAULT_METHODS, options=options)
        request = Request(explanation.task, model, question, given.method or DEFAULT_METHODS, options, given.label or (), given.prefix)
        kept = card_of(explanation, explainer, request) if card else {}
    return Shown(explanation, kept, words=given.words, special=not given.no_special, maps=given.maps)


def _model_and_task(model: str | None, task: str | None) -> tuple[str, str | None]:
    """What was left out: the first model on board for the task, a catalogued model's best task, or what the model's head is made for.

    Raises:
        InputError: There is no such task, or no model on board for it.
    """
    from explain.models.catalog import ENTRIES, models_for
    from explain.models.tasks import task_class

    if task is not None:
        task_class(task)
    if model is None:
        on_board = models_for(task or "classification", hub=False)
        if not on_board:
            raise InputError(f"No model on board is for {task}. Name one with --model.")
        model = on_board[0].name
    return model, task or next((entry.tasks[0] for entry in ENTRIES if entry.name == model), None)


def _options(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`method.name=value` as options by method; a value that reads as a JSON number, true, false or null is that, any other is text."""
    options: dict[str, dict[str, Any]] = {}
    for item in given:
        key, equals, value = item.partition("=")
        method, dot, name = key.partition(".")
        if not (equals and dot and method and name):
            raise InputError(f"An option is written METHOD.NAME=VALUE, such as shap.seed=1, got {item!r}.")
        options.setdefault(method, {})[name] = _plain(value)
    return options


def _plain(value: str) -> Any:
    try:
        plain = json.loads(value)
    except ValueError:
        return value
    return value if isinstance(plain, dict | list | str) else plain


def _replay(given: argparse.Namespace) -> int:
    from explain.sharing.card import read
    from explain.sharing.replay import replay

    result = replay(read(given.card), tolerance=given.tolerance)
    _print("\n".join(_replay_lines(result)))
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
        _print(json.dumps({"tasks": tasks, "methods": [method.describe() for method in METHODS.values()]}, ensure_ascii=False, indent=1))
        return 0
    lines = grid([["task", "units", "models on board"], *([n, ", ".join(t["units"]), ", ".join(t["models"])] for n, t in tasks.items())])
    lines += ["", *grid([["method", "family", "what it computes"], *([m.name, m.family.value, m.summary] for m in METHODS.values())])]
    options = [[f"{m.name}.{o.name}", str(o.to_dict()["default"]), o.help] for m in METHODS.values() for o in m.option_fields()]
    _print("\n".join([*lines, "", *grid([["option", "default", "help"], *options])]))
    return 0


def _print(text: str) -> None:
    """Print what the terminal's encoding can show; other characters become question marks."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


if __name__ == "__main__":
    sys.exit(main())
