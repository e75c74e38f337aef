"""A card explained again, and how far its numbers are from the new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explain.defaults import TOLERANCE
from explain.explainer import TokenExplainer
from explain.methods.catalog import make_methods
from explain.models.explained_model import ExplainedModel
from explain.models.identity import versions
from explain.results import Attribution, Explanation
from explain.sharing.asking import asked
from explain.sharing.card import check, describe_model, request_of
from explain.types import Target, Token

FLOOR = 1e-9


@dataclass(frozen=True)
class Difference:
    """How far one recorded quantity is from the replayed one.

    Attributes:
        method: The method's name, or "prediction".
        quantity: What is compared, such as "scores".
        absolute: Largest absolute difference.
        relative: The same, relative to the largest absolute number of the method's (recorded or replayed) scores and outputs; a gap is
            relative already.
        equal: Whether `relative` is within the replay's tolerance, or `absolute` below `FLOOR`.
    """

    method: str
    quantity: str
    absolute: float
    relative: float
    equal: bool


@dataclass(frozen=True)
class Replay:
    """A card explained again.

    Attributes:
        explanation: The new explanation.
        differences: Every number of the card against the new one.
        mismatches: What else is not the same: target, tokens, answer.
        warnings: What may be the reason: other weights, versions, device or precision.
        tolerance: The relative difference that counts as equal.
    """

    explanation: Explanation
    differences: tuple[Difference, ...]
    mismatches: tuple[str, ...]
    warnings: tuple[str, ...]
    tolerance: float

    @property
    def equal(self) -> bool:
        """Whether the card's numbers came out again."""
        return not self.mismatches and all(difference.equal for difference in self.differences)


def replay(values: Mapping[str, Any], *, explainer: TokenExplainer | None = None, tolerance: float = TOLERANCE) -> Replay:
    """Explain a card's question again with its model, methods, options and seeds, and compare every number.

    The default tolerance (relative, 1e-4) is wider than what other threads, devices and versions change in float32, and far narrower than
    what a person could read off a view.

    Args:
        values: A card.
        explainer: What to ask; the card's model is loaded if left out.
        tolerance: The relative difference that counts as equal.

    Raises:
        InputError: It is not a card, or its question cannot be asked.
        ModelError: The model cannot be had, or cannot be explained so.
    """
    request = request_of(values)
    own = explainer or TokenExplainer.from_pretrained(**request.loading, revision=values["model"]["revision"])
    try:
        methods = make_methods(request.methods, request.options)
        analysis = asked(own, request, methods)
        explanation = analysis.explanation([analysis.run(method) for method in methods])
        return compare(values, explanation, own.model, tolerance=tolerance)
    finally:
        if explainer is None:
            own.close()


def compare(values: Mapping[str, Any], explanation: Explanation, model: ExplainedModel, *, tolerance: float = TOLERANCE) -> Replay:
    """A card's numbers against those of an explanation with all of the card's methods.

    Args:
        values: A card.
        explanation: The same question, answered again.
        model: What answered.
        tolerance: The relative difference that counts as equal.

    Raises:
        InputError: It is not a card.
    """
    answer = check(values)["answer"]
    mismatches = _answer_mismatches(answer, explanation)
    differences = _target_differences("target", answer["target"], explanation.target, tolerance)
    if answer["foil"] is not None and explanation.foil is not None:
        differences += _target_differences("foil", answer["foil"], explanation.foil, tolerance)
    for recorded in values["methods"]:
        attribution = explanation[recorded["name"]]
        differences += _method_differences(recorded, attribution, tolerance)
        mismatches += _method_mismatches(recorded, attribution)
    warnings = [*_changes("model", values["model"], describe_model(model)), *_changes("version of", values["versions"], versions())]
    return Replay(explanation, tuple(differences), tuple(mismatches), tuple(warnings), tolerance)


def _answer_mismatches(answer: Mapping[str, Any], explanation: Explanation) -> list[str]:
    def name(target: Mapping[str, Any] | Target | None) -> str:
        values = vars(target) if isinstance(target, Target) else target
        return "nothing" if values is None else f"{values['text']!r} ({values['index']})"

    pairs = {
        "answer": (repr(answer["text"]), repr(explanation.prediction.text)),
        "target": (name(answer["target"]), name(explanation.target)),
        "foil": (name(answer["foil"]), name(explanation.foil)),
        "unit": (answer["unit"], explanation.unit.value),
        "tokens": (" ".join(_labels(answer["tokens"], explanation.tokens)), " ".join(token.label for token in explanation.tokens)),
    }
    return [f"The card's {what} is {recorded}, replayed it is {new}." for what, (recorded, new) in pairs.items() if recorded != new]


def _labels(recorded: Sequence[str], tokens: Sequence[Token]) -> Sequence[str]:
    """A card's tokens, with ends of lines as they are shown today; 0.1.0 showed them as a further byte of a character, or as a piece."""
    if len(recorded) != len(tokens):
        return recorded
    return [token.label if not token.text and old in ("…", token.piece) else old for old, token in zip(recorded, tokens, strict=True)]


def _target_differences(what: str, recorded: Mapping[str, Any], target: Target, tolerance: float) -> list[Difference]:
    pairs = {"logit": (recorded["logit"], target.logit), "probability": (recorded["probability"], target.probability)}
    return [
        _difference("prediction", f"{what} {name}", old, new, tolerance)
        for name, (old, new) in pairs.items()
        if old is not None and new is not None
    ]


def _method_differences(recorded: Mapping[str, Any], attribution: Attribution, tolerance: float) -> list[Difference]:
    quantities: dict[str, tuple[Any, Any]] = {
        "scores": (recorded["scores"], attribution.scores),
        "step scores": (recorded["step_scores"], attribution.step_scores),
        "output": (recorded["output"], attribution.output),
        "baseline output": (recorded["baseline_output"], attribution.baseline_output),
        "gap": (recorded["gap"], attribution.gap),
        "tolerance": (recorded["tolerance"], attribution.tolerance),
    }
    scores = max(np.abs(recorded["scores"]).max(initial=0.0), np.abs(attribution.scores).max(initial=0.0))
    outputs = max(scores, *(abs(x or 0.0) for x in (recorded["output"], recorded["baseline_output"], attribution.output)))
    scales = {"output": outputs, "baseline output": outputs, "gap": 1.0, "tolerance": 1.0}
    return [
        _difference(attribution.method, name, old, new, tolerance, scales.get(name, scores))
        for name, (old, new) in quantities.items()
        if old is not None and new is not None and np.shape(old) == np.shape(new)
    ]


def _method_mismatches(recorded: Mapping[str, Any], attribution: Attribution) -> list[str]:
    pairs = {
        name: (recorded[name], getattr(attribution, name)) for name in ("scores", "step_scores", "baseline_output", "gap", "tolerance")
    }
    return [
        f"{attribution.method}: the card has {_extent(old)} for {name.replace('_', ' ')}, replayed there is {_extent(new)}."
        for name, (old, new) in pairs.items()
        if (old is None) != (new is None) or (old is not None and np.shape(old) != np.shape(new))
    ]


def _extent(values: Any) -> str:
    return "nothing" if values is None else " x ".join(map(str, np.shape(values))) or "a number"


def _difference(method: str, quantity: str, old: Any, new: Any, tolerance: float, scale: float | None = None) -> Difference:
    recorded, replayed = np.asarray(old, dtype=np.float64), np.asarray(new, dtype=np.float64)
    absolute = float(np.abs(recorded - replayed).max(initial=0.0))
    size = max(float(np.abs(recorded).max(initial=0.0)), float(np.abs(replayed).max(initial=0.0))) if scale is None else float(scale)
    relative = absolute / size if size else absolute
    return Difference(method, quantity, absolute, relative, relative <= tolerance or absolute < FLOOR)


def _changes(what: str, recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = [name for name in recorded if recorded[name] != now.get(name)]
    return [f"The card's {what} {name} was {recorded[name]}, here it is {now.get(name)}." for name in names]
