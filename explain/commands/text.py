"""`explain text`: one text explained, shown as a table and written to files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from explain.commands import asking
from explain.commands.console import program, say
from explain.defaults import DEFAULT_METHODS
from explain.errors import InputError
from explain.sharing.exports import EXPORTS, Shown
from explain.types import Question

if TYPE_CHECKING:
    from explain.commands.console import Commands


def add(commands: Commands) -> None:
    """What `text` takes."""
    example = 'text "It is not a good movie." --method lrp --method shap --option shap.seed=1 --card card.json'
    text = commands.add_parser(
        "text", help="explain a text", description="Explain a text and print its scores.", epilog=f"example: {program()} {example}"
    )
    text.set_defaults(run=_text, wrong=text.error)
    text.add_argument("text", nargs="?", help='the text to explain; "-" reads it from standard input; none for a chat')

    asking.add_model(text)
    asking.add_question(text).add_argument("--measure", metavar="MEASURE", help=asking.MEASURE)
    asking.add_chat(text)
    asking.add_methods(text)
    view = text.add_argument_group("how it is shown")
    view.add_argument("--words", action="store_true", help="merge sub-words to words in the table, page and figures")
    view.add_argument("--no-special", action="store_true", help="leave special tokens out of the table, page and figures")

    view.add_argument("--by", metavar="LEVEL", help="also sum to words, sentences, paragraphs, messages, documents or spans")

    files = text.add_argument_group("what is written")
    for kind, export in EXPORTS.items():
        files.add_argument(f"--{kind}", metavar="FILE", help=f"write {export.help}")
    files.add_argument("--maps", action="store_true", help="raw arrays such as attention weights in the JSON too")


def _text(given: argparse.Namespace) -> int:
    if given.text is None and given.messages is None:
        given.wrong("give a text, or --messages")
    outputs = {kind: Path(path) for kind in EXPORTS if (path := getattr(given, kind)) is not None}
    for path in outputs.values():
        if path.is_dir() or not path.parent.is_dir():
            raise InputError(f"{path} cannot be written: {'it is a folder' if path.is_dir() else 'its folder does not exist'}.")
    shown = _explained(given, card=any(EXPORTS[kind].holds_card for kind in outputs))

    from explain.visualization.terminal import segments_table, table

    sums = None if given.by is None else shown.explanation.by(given.by)
    say(table(shown.explanation, words=shown.words, special=shown.special))
    if sums is not None:
        say(f"\n{segments_table(sums, special=shown.special)}")
    for kind, path in outputs.items():
        try:
            path.write_bytes(EXPORTS[kind].written(shown))
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error
    return 0


def _explained(given: argparse.Namespace, *, card: bool) -> Shown:
    """The explanation that is asked for, with its card if that is needed."""
    from explain.explainer import TokenExplainer
    from explain.methods.catalog import make_methods
    from explain.prompts.answers import METHODS as COMPARED
    from explain.sharing.asking import asked
    from explain.sharing.card import card as card_of
    from explain.sharing.request import Request

    text = sys.stdin.read().rstrip("\n") if given.text == "-" else given.text or ""
    question = Question(text, **{name: getattr(given, name) for name in asking.ASKED}, **asking.lists(given))
    methods, options = given.method or DEFAULT_METHODS, asking.options(given.option)
    if given.measure is not None and not given.method:
        methods = COMPARED
    model, task = asking.model_and_task(given.model, given.task)
    with TokenExplainer.from_pretrained(model, task=task, labels=given.label or (), prefix=given.prefix) as explainer:
        request = Request(explainer.model.task.name, model, question, methods, options, given.label or (), given.prefix, given.measure)
        chosen = make_methods(methods, options)
        analysis = asked(explainer, request, chosen)
        explanation = analysis.explanation([analysis.run(method) for method in chosen])
        kept = card_of(explanation, explainer, request) if card else {}
    return Shown(explanation, kept, words=given.words, special=not given.no_special, maps=given.maps)
