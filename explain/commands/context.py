"""`explain context`: every sentence of an answer traced to documents, messages or sentences of its chat."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from explain.commands import asking
from explain.commands.console import program, say
from explain.errors import InputError
from explain.types import Question

if TYPE_CHECKING:
    from explain.commands.console import Commands


def add(commands: Commands) -> None:
    """What `context` takes."""
    context = commands.add_parser(
        "context",
        help="trace an answer to documents",
        description="Which documents, messages or sentences of a chat made the model say each sentence of its answer.",
        epilog=f"example: {program()} context --model Qwen/Qwen2.5-0.5B-Instruct --messages chat.json --documents found.json",
    )
    context.set_defaults(run=_context, wrong=context.error)
    asking.add_model(context)
    asking.add_chat(context)
    asked = context.add_argument_group("what is asked")
    asked.add_argument("--target", metavar="TEXT", help="the answer to explain (default: the model's own)")
    asked.add_argument("--segments", default="documents", metavar="LEVEL", help="what it is traced to (default: %(default)s)")
    asking.add_methods(context)
    context.add_argument("--seed", type=int, default=0, metavar="N", help="of the random ablations (default: 0)")
    context.add_argument("--json", metavar="FILE", help="write everything as JSON too")


def _context(given: argparse.Namespace) -> int:
    from explain.evaluation.context import METHODS, attribute_context
    from explain.explainer import TokenExplainer
    from explain.visualization.terminal import context_table

    if given.messages is None:
        given.wrong("give --messages")
    if given.model is None:
        raise InputError("No model on board reads chats. Name one that was made for them with --model.")
    question = Question(target=given.target, **asking.lists(given))
    with TokenExplainer.from_pretrained(given.model, task=given.task or "generation") as explainer:
        methods, options = given.method or METHODS, asking.options(given.option)
        found = attribute_context(explainer, question, methods, options=options, segments=given.segments, seed=given.seed)
    say(context_table(found))
    if given.json is not None:
        try:
            Path(given.json).write_text(json.dumps(found.to_dict(), ensure_ascii=False, indent=1), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{given.json} cannot be written: {error.strerror or error}.") from error
    return 0
