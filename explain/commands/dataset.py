"""`explain dataset`: a whole data set explained into a folder."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from typing import TYPE_CHECKING

from explain.commands import asking
from explain.commands.console import program, say
from explain.defaults import DEFAULT_METHODS
from explain.errors import InputError

if TYPE_CHECKING:
    from explain.commands.console import Commands

CHUNK = 1024


def add(commands: Commands) -> None:
    """What `dataset` takes."""
    dataset = commands.add_parser(
        "dataset",
        help="explain a whole data set",
        description="Explain every text of a data set into a folder of Parquet parts. The same command goes on where one stopped; "
        "`accelerate launch -m explain dataset …` shares the work among processes, devices and machines.",
        epilog=f"example: {program()} dataset --data reviews.csv --label-column label --methods lrp attention --output runs/reviews",
    )
    dataset.set_defaults(run=_dataset)
    data = dataset.add_argument_group("what is read")
    data.add_argument("--data", required=True, metavar="DATA", help="a CSV, TSV, JSON(L) or Parquet file, or a data set's id on the Hub")
    data.add_argument("--text-column", metavar="NAME", help='the texts (default: "text", "sentence" or the only column)')
    data.add_argument("--label-column", metavar="NAME", help="the right answers, if there are any")
    data.add_argument("--config", metavar="NAME", help="configuration of a data set on the Hub")
    data.add_argument("--split", metavar="NAME", help="split of a data set on the Hub (default: train)")

    asking.add_model(dataset).add_argument("--device-map", metavar="MAP", help='"auto" spreads a model that is too large for one device')
    asking.add_question(dataset)
    how = dataset.add_argument_group("how it is explained (`catalog` lists methods and their options)")
    how.add_argument("--methods", nargs="+", default=DEFAULT_METHODS, metavar="NAME", help=f"(default: {' '.join(DEFAULT_METHODS)})")
    how.add_argument("--option", action="append", default=[], metavar="METHOD.NAME=VALUE", help="an option of a method; may be repeated")
    how.add_argument("--faithfulness", action="store_true", help="also measure on every text how faithful the methods are: many passes")
    how.add_argument("--seed", type=int, default=0, metavar="N", help="of the random orders that faithfulness compares with (default: 0)")

    files = dataset.add_argument_group("what is written")
    files.add_argument("--output", required=True, metavar="FOLDER", help="where the run is, or goes on")
    files.add_argument("--chunk", type=int, default=CHUNK, metavar="ROWS", help="rows of a part (default: %(default)s)")


def _dataset(given: argparse.Namespace) -> int:
    if find_spec("datasets") is None or find_spec("pyarrow") is None:
        raise InputError("A data set needs more libraries than a text. Install them: pip install datasets pyarrow.")
    from accelerate import PartialState

    from explain.dataset.run import explain_dataset

    model, task = asking.model_and_task(given.model, given.task)
    names = ("text_column", "label_column", "config", "split", "methods", "prefix", "device_map", "faithfulness", "seed", "chunk")
    run = explain_dataset(
        model,
        given.data,
        given.output,
        task=task,
        labels=given.label or (),
        options=asking.options(given.option),
        **{name: getattr(given, name) for name in (*names, *asking.ASKED)},
    )
    if PartialState().is_main_process:
        say(f"{len(run):,} texts are explained and {run.refused:,} could not be: {run.folder}")
    return 0
