"""The endpoints that tell which explanation to believe."""

from __future__ import annotations

from typing import Any

from explain.defaults import DEFAULT_METHODS
from explain.errors import InputError
from explain.evaluation.ground_truth import scorecard as make_scorecard
from explain.evaluation.ranking import race
from explain.interface.work.evaluating import RaceOptions, agreed, check_texts, compared, examined, randomised
from explain.models.catalog import models_for
from explain.models.perturbation import Granularity, Replacement
from explain.models.tasks import TASKS
from explain.sharing.request import Request

Options = dict[str, dict[str, Any]]


def agreement(
    texts: list[str],
    task: str = "classification",
    model: str | None = None,
    methods: list[str] | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    options: Options | None = None,
    k: int | None = None,
) -> dict[str, Any]:
    """Kendall, Spearman, top-k overlap and cosine between all methods; over several texts, means with 95 % intervals."""
    request = request_of(task, texts, model, methods, target, foil, unit, options)
    found = agreed(list(compared(request, texts, None, k=k)))
    if found is None:
        raise InputError(f"Agreement compares methods: choose at least two, got {len(request.methods)}.")
    return found.to_dict()


def faithfulness(
    texts: list[str],
    task: str = "classification",
    model: str | None = None,
    methods: list[str] | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    options: Options | None = None,
    replacement: str = "auto",
    players: str = "words",
    orders: int = 20,
    beam: int = 4,
    seed: int = 0,
) -> dict[str, Any]:
    """Deletion and insertion curves of every method on every text; over several texts also means, intervals and a ranking."""
    request = request_of(task, texts, model, methods, target, foil, unit, options)
    chosen = RaceOptions(one_of(Replacement, replacement), one_of(Granularity, players), orders, beam, seed)
    found = [result.faithfulness for result in compared(request, texts, chosen) if result.faithfulness is not None]
    return {"texts": [result.to_dict() for result in found], "race": race(found, seed=seed).to_dict() if len(found) > 1 else None}


def randomisation(
    text: str,
    task: str = "classification",
    model: str | None = None,
    methods: list[str] | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    options: Options | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Rank correlation of every method with its original scores while the weights are randomised from the top down."""
    *_, last = randomised(request_of(task, [text], model, methods, target, foil, unit, options), seed)
    return last.to_dict()


def scorecard(
    task: str = "classification", model: str | None = None, methods: list[str] | None = None, options: Options | None = None
) -> dict[str, Any]:
    """How often each method points to the word that is known to decide: subject-verb agreement and planted keywords."""
    *_, last = examined(request_of(task, [""], model, methods, None, None, None, options))
    return make_scorecard(last).to_dict()


def request_of(
    task: str,
    texts: list[str],
    model: str | None,
    methods: list[str] | None,
    target: str | None,
    foil: str | None,
    unit: str | None,
    options: Options | None,
    position: int | None = None,
    step: int | None = None,
) -> Request:
    """What is asked of every text; the first bundled model of the task if none is named."""
    if task not in TASKS:
        raise InputError(f"The task {task!r} is not known. Choose one of: {', '.join(TASKS)}.")
    first = check_texts(texts)[0]
    chosen = list(DEFAULT_METHODS) if methods is None else methods
    return Request(task, first, model or models_for(task)[0].name, chosen, target, foil, unit, position, step, options or {})


def one_of(kind: Any, name: str) -> Any:
    """The member of an enumeration with this value.

    Raises:
        InputError: There is none.
    """
    if name not in set(kind):
        raise InputError(f"{name!r} is not known. Choose one of: {', '.join(kind)}.")
    return kind(name)
