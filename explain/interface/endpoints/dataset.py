"""The endpoint for a small data set: what many texts together say of a model."""

from __future__ import annotations

from dataclasses import replace

from explain.errors import InputError
from explain.interface.endpoints.endpoint import Answer, Endpoint, Given
from explain.interface.endpoints.parameters import QUESTION, list_of, parameter, parameters, text
from explain.interface.work.dataset import Look, iter_run, remove
from explain.interface.work.files import new_folder


def _findings(given: Given) -> Answer:
    texts, labels = given["texts"], given["labels"] or [None] * len(given["texts"])
    if len(labels) != len(texts):
        raise InputError(f"'labels' must be as many as the texts ({len(texts):,}), got {len(labels):,}. Write null where one is not known.")
    folder = new_folder()
    try:
        rows = [{"text": one, "label": label} for one, label in zip(texts, labels, strict=True)]
        for _ in iter_run(given.request, rows, folder, faithfulness=given["measure"]):
            pass
        return Look(given["minimum"], given["keywords"] or (), given["slices"] or ()).at(folder).to_dict()
    finally:
        remove(folder)


_TEXTS = replace(parameter("texts"), kind=lambda here: list_of(text(here.characters), 1, here.rows))
_KEYWORDS = parameter("keywords", default=None)

ENDPOINTS = (
    Endpoint(
        "findings",
        "Many texts explained: words that drive a class, errors, spurious cues, agreement, faithfulness and heads, with 95 % intervals.",
        (
            _TEXTS,
            *parameters("labels", *QUESTION, "options"),
            replace(_KEYWORDS, hint=list[str] | None),
            *parameters("slices", "minimum", "measure"),
        ),
        _findings,
    ),
)
