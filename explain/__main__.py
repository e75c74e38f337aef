"""The command line: `python -m explain text`, `replay` and `catalog`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from explain.defaults import DEFAULT_METHODS
from explain.errors import ExplainError, InputError
from explain.explainer import TokenExplainer
from explain.methods.catalog import METHODS
from explain.models.catalog import ENTRIES, models_for
from explain.models.tasks import TASKS
from explain.results import Explanation
from explain.sharing.replay import TOLERANCE, Replay
from explain.sharing.request import Request

PROGRAM = "python -m explain"
EXPORTS = ("json", "csv", "html", "svg", "png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, or 1 for a replay that differs, or 2 for input that cannot be used."""
    given = parser().parse_args(arguments)
    try:
        code: int = given.run(given)
        sys.stdout.flush()
    except ExplainError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader has gone; what is left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def parser() -> argparse.ArgumentParser:
    """The arguments of every command."""
    top = argparse.ArgumentParser(PROGRAM, description="Which tokens made the model say that?")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    text = commands.add_parser(
        "text",
        help="explain a text",
        description="Explain a text and print its scores.",
        epilog=f'example: {PROGRAM} text "It is not a good movie." --method lrp --method shap --option shap.seed=1 --card card.json',
    )
    text.set_defaults(run=_text)
    text.add_argument("text", help='the text to explain; "-" reads it from standard input')
    text.add_argument("--model", help="bundled checkpoint, folder or Hub id (default: the first one on board for the task)")
    text.add_argument("--task", choices=TASKS, help="what to ask the model (default: what it is best at)")
    text.add_argument(
        "--method",
        action="append",
        metavar="NAME",
        help=f"may be repeated; one of {', '.join(m.name for m in METHODS)} (default: {', '.join(DEFAULT_METHODS)})",
    )
    text.add_argument("--target", help="label, token or output text to explain (default: the model's own)")
    text.add_argument("--foil", help="explain the target rather than this")
    text.add_argument("--unit", help="logit, log_probability or probability (default: the task's)")
    text.add_argument("--position", type=int, metavar="N", help="which mask or blank, from 0")
    text.add_argument("--step", type=int, metavar="N", help="which output token, from 0 (default: all)")
    text.add_argument("--option", action="append", default=[], metavar="METHOD.NAME=VALUE", help="an option of a method; may be repeated")
    text.add_argument("--words", action="store_true", help="merge sub-words to words in the table, page and figures")
    text.add_argument("--no-special", action="store_true", help="leave special tokens out of the table, page and figures")
    text.add_argument("--maps", action="store_true", help="raw arrays such as attention weights in the JSON too")
    for kind, what in zip(EXPORTS, ("all results", "tokens x methods", "a standalone page", "a heatmap", "a heatmap"), strict=True):
        text.add_argument(f"--{kind}", metavar="FILE", help=f"write {what} as {kind.upper()}")
    text.add_argument("--card", metavar="FILE", help="write an explanation card, which `replay` checks")

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


def _text(given: argparse.Namespace) -> int:
    from explain.visualization.terminal import table

    outputs = {kind: Path(path) for kind in (*EXPORTS, "card") if (path := getattr(given, kind)) is not None}
    for path in outputs.values():
        if path.is_dir() or not path.parent.is_dir():
            raise InputError(f"{path} cannot be written: {'it is a folder' if path.is_dir() else 'its folder does not exist'}.")
    text = sys.stdin.read().rstrip("\n") if given.text == "-" else given.text
    model, task = _model_and_task(given.model, given.task)
    with TokenExplainer.from_pretrained(model, task=task) as explainer:
        request = Request(
            task=explainer.model.task.name,
            text=text,
            model=model,
            methods=given.method or DEFAULT_METHODS,
            target=given.target,
            foil=given.foil,
            unit=given.unit,
            position=given.position,
            step=given.step,
            options=_options(given.option),
        )
        explanation = explainer.analyze(**request.arguments)
        card = _card(explanation, explainer, request) if {"card", "html"} & set(outputs) else {}
    view = {"words": given.words, "special": not given.no_special}
    _print(table(explanation, **view))
    for kind, path in outputs.items():
        _save(path, _content(kind, explanation, card, given.maps, view))
    return 0


def _model_and_task(model: str | None, task: str | None) -> tuple[str, str | None]:
    """What was left out: the first model on board for the task, a catalogued model's best task, or what the model's head is made for."""
    chosen = model or models_for(task or "classification", hub=False)[0].name
    return chosen, task or next((entry.tasks[0] for entry in ENTRIES if entry.name == chosen), None)


def _card(explanation: Explanation, explainer: TokenExplainer, request: Request) -> dict[str, Any]:
    from explain.sharing.card import card

    return card(explanation, explainer, request)


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


def _content(kind: str, explanation: Explanation, card: dict[str, Any], maps: bool, view: dict[str, bool]) -> str | bytes:
    if kind == "json":
        return json.dumps(explanation.to_dict(maps=maps), ensure_ascii=False, indent=1) + "\n"
    if kind == "csv":
        return explanation.to_frame().to_csv(index=False)
    if kind == "card":
        from explain.sharing.card import dumps

        return dumps(card)
    if kind == "html":
        from explain.visualization.page import page

        return page(explanation, card, **view)
    from explain.visualization import static

    write: Callable[[Any], bytes] = {"svg": static.svg, "png": static.png}[kind]
    return write(static.methods_heatmap(explanation, words=view["words"], special=view["special"]))


def _save(path: Path, content: str | bytes) -> None:
    try:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error


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
        _print(json.dumps({"tasks": tasks, "methods": [m.describe() for m in METHODS]}, ensure_ascii=False, indent=1))
        return 0
    lines = grid([["task", "units", "models on board"], *([n, ", ".join(t["units"]), ", ".join(t["models"])] for n, t in tasks.items())])
    lines += ["", *grid([["method", "family", "what it computes"], *([m.name, m.family.value, m.summary] for m in METHODS)])]
    options = [[f"{m.name}.{o.name}", str(o.to_dict()["default"]), o.help] for m in METHODS for o in m.option_fields()]
    _print("\n".join([*lines, "", *grid([["option", "default", "help"], *options])]))
    return 0


def _print(text: str) -> None:
    """Print what the terminal's encoding can show; other characters become question marks."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


if __name__ == "__main__":
    sys.exit(main())
