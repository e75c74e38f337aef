"""One line of JSON for every request, without what visitors typed, and errors under the same reference."""

from __future__ import annotations

import json
import logging
import os
import traceback

from explain.interface.record import Record

LOG = logging.getLogger("explain")
NOTED = ("task", "model", "methods", "tokens", "expected")


def to_console() -> None:
    """Write the log to standard error, where a Space collects it."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    LOG.setLevel(logging.INFO)


def log_request(record: Record, outcome: str) -> None:
    """What was asked of which model, how long it took and how it ended; the text only with `EXPLAIN_LOG_TEXTS=1`.

    What asked no model and went well is not worth a line.
    """
    if not record.noted and outcome == "done":
        return
    values = {"request": record.id, "name": record.name, **{name: record.noted[name] for name in NOTED if name in record.noted}}
    values |= {"passes": record.passes, "seconds": round(record.seconds, 3), "waited": round(record.waited, 3), "outcome": outcome}
    if _texts() and "text" in record.noted:
        values["text"] = record.noted["text"]
    LOG.info("%s", json.dumps(values))


def log_error(record: Record, error: BaseException) -> None:
    """A fault of ours, under the reference that the visitor is told: where it happened, and its words only with `EXPLAIN_LOG_TEXTS=1`."""
    words = f": {error}" if _texts() else ""
    LOG.error("reference %s: %s%s\n%s", record.id, type(error).__name__, words, "".join(traceback.format_tb(error.__traceback__)))


def _texts() -> bool:
    return os.environ.get("EXPLAIN_LOG_TEXTS") == "1"
