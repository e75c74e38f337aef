"""Explanation cards: all that is needed to get an explanation again, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from explain.checks import NUMBER, OPTION, RECORD, TEXT, WHOLE, Kind, check_record, list_of, mapping_of, optional
from explain.errors import InputError
from explain.explainer import TokenExplainer
from explain.models.explained_model import ExplainedModel
from explain.models.identity import fingerprint, versions
from explain.results import Attribution, Explanation
from explain.sharing.request import ASKED, KINDS, LATER, Request, todays_options
from explain.types import Question

FORMAT = 1
LARGEST_CARD = 64_000_000

_NUMBERS = list_of(NUMBER)
_CARD: dict[str, Kind] = {
    "format": WHOLE,
    "created": TEXT,
    "model": RECORD,
    "question": RECORD,
    "answer": RECORD,
    "methods": list_of(RECORD),
    "versions": mapping_of(TEXT),
}
_MODEL: dict[str, Kind] = {
    "name": TEXT,
    "revision": optional(TEXT),
    "fingerprint": optional(TEXT),
    "class": TEXT,
    "tokenizer": TEXT,
    "vocabulary": WHOLE,
    "device": TEXT,
    "dtype": TEXT,
    "labels": list_of(TEXT),
    "prefix": optional(TEXT),
}
_QUESTION: dict[str, Kind] = {name: KINDS[name] for name in ("task", *ASKED, "measure")}
_ANSWER: dict[str, Kind] = {"text": TEXT, "target": RECORD, "foil": optional(RECORD), "unit": TEXT, "tokens": list_of(TEXT)}
_TARGET: dict[str, Kind] = {"index": WHOLE, "text": TEXT, "logit": NUMBER, "probability": optional(NUMBER)}
_METHOD: dict[str, Kind] = {
    "name": TEXT,
    "options": mapping_of(OPTION),
    "scores": _NUMBERS,
    "step_scores": optional(list_of(_NUMBERS)),
    "output": NUMBER,
    "baseline_output": optional(NUMBER),
    "gap": optional(NUMBER),
    "tolerance": optional(NUMBER),
    "seconds": NUMBER,
    "passes": WHOLE,
}


def card(
    explanation: Explanation, explainer: TokenExplainer | ExplainedModel, request: Request, *, created: datetime | None = None
) -> dict[str, Any]:
    """The explanation with everything that decides its numbers, as plain Python for JSON.

    Args:
        explanation: The result; its attributions carry all their options, seeds among them.
        explainer: What gave it.
        request: What was asked; its methods and options may be left as they were given.
        created: The time to write down, the present if left out.

    Raises:
        InputError: The request is not the one that was explained.
    """
    model = explainer if isinstance(explainer, ExplainedModel) else explainer.model
    if (request.task, model.name) != (explanation.task, explanation.model):
        raise InputError(
            f"The card needs the request that was explained: {explanation.task} by {explanation.model}, got {request.task} by {model.name}."
        )
    return {
        "format": FORMAT,
        "created": (created or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "model": describe_model(model),
        "question": request.record,
        "answer": {
            "text": explanation.prediction.text,
            "target": vars(explanation.target).copy(),
            "foil": None if explanation.foil is None else vars(explanation.foil).copy(),
            "unit": explanation.unit.value,
            "tokens": [token.label for token in explanation.tokens],
        },
        "methods": [_method(attribution) for attribution in explanation],
        "versions": versions(),
    }


def _method(attribution: Attribution) -> dict[str, Any]:
    return {
        "name": attribution.method,
        "options": dict(attribution.options),
        "scores": attribution.scores.tolist(),
        "step_scores": None if attribution.step_scores is None else attribution.step_scores.tolist(),
        "output": attribution.output,
        "baseline_output": attribution.baseline_output,
        "gap": attribution.gap,
        "tolerance": attribution.tolerance,
        "seconds": attribution.seconds,
        "passes": attribution.passes,
    }


def describe_model(model: ExplainedModel) -> dict[str, Any]:
    """Which model answered: name, commit or else fingerprint, classes, vocabulary, device, precision, label words."""
    return {
        "name": model.name,
        "revision": model.revision,
        "fingerprint": fingerprint(model.model) if model.revision is None else None,
        "class": type(model.model).__name__,
        "tokenizer": type(model.tokenizer).__name__,
        "vocabulary": len(model.tokenizer),
        "device": model.device.type,
        "dtype": str(model.model.dtype).removeprefix("torch."),
        "labels": list(model.task.labels),
        "prefix": model.task.prefix,
    }


def write(values: Mapping[str, Any], path: str | Path) -> None:
    """Write a card to a file.

    Raises:
        InputError: It is not a card.
    """
    Path(path).write_text(dumps(values), encoding="utf-8")


def dumps(values: Mapping[str, Any]) -> str:
    """A card as JSON text.

    Raises:
        InputError: It is not a card.
    """
    check(values)
    return json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def read(path: str | Path) -> dict[str, Any]:
    """Read a card from a file.

    Raises:
        InputError: The file cannot be read, or it is not a card; the message says what is missing or wrong.
    """
    file = Path(path)
    try:
        if file.stat().st_size > LARGEST_CARD:
            raise InputError(f"{path} has {file.stat().st_size} bytes, a card at most {LARGEST_CARD}. Give another file.")
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"The card {path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The card {path} is not text in UTF-8. Give a JSON file that was written as a card.") from error
    return loads(text)


def loads(text: str) -> dict[str, Any]:
    """A card from JSON text.

    Raises:
        InputError: It is not JSON, or not a card; the message says what is missing or wrong.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"The card is not JSON: {error}.") from error
    return dict(check(values))


def check(values: Any) -> Mapping[str, Any]:
    """The values themselves, if they are a card of this format.

    Raises:
        InputError: A field is missing, unknown or wrong; the message names it.
    """
    if isinstance(values, Mapping) and values.get("format", FORMAT) != FORMAT:
        raise InputError(
            f"The card has format {values['format']!r}, but this version reads format {FORMAT}. Use the version that wrote it."
        )
    check_record("The card", values, _CARD)
    check_record("The card's model", values["model"], _MODEL)
    check_record("The card's question", values["question"], _QUESTION, may_lack=(*LATER, "measure"))
    answer = check_record("The card's answer", values["answer"], _ANSWER)
    check_record("The card's target", answer["target"], _TARGET)
    if answer["foil"] is not None:
        check_record("The card's foil", answer["foil"], _TARGET)
    if not values["methods"]:
        raise InputError("The card has no methods: there is nothing to replay.")
    for number, method in enumerate(values["methods"]):
        where = f"The card's method {method.get('name', number)!r}"
        check_record(where, method, _METHOD)
        rows = [method["scores"], *(method["step_scores"] or ())]
        if any(len(row) != len(answer["tokens"]) for row in rows):
            raise InputError(f"{where} has {len(method['scores'])} scores for {len(answer['tokens'])} tokens; it must have one for each.")
    return values  # type: ignore[no-any-return]


def request_of(values: Mapping[str, Any]) -> Request:
    """What to ask to get the card's explanation again, with all options written out.

    Raises:
        InputError: It is not a card.
    """
    check(values)
    methods, model = values["methods"], values["model"]
    asked = dict(values["question"])
    return Request(
        task=asked.pop("task"),
        measure=asked.pop("measure", None),
        model=model["name"],
        question=Question(**asked),
        methods=[method["name"] for method in methods],
        options=todays_options({method["name"]: method["options"] for method in methods}),
        labels=model["labels"],
        prefix=model["prefix"],
    )
