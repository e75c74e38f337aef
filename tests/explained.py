"""Hand-made explanations and faithfulness, without a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from explain.results import Attribution, Explanation
from explain.types import Array, Family, Prediction, Segment, Target, Token, Unit

NEGATIVE, POSITIVE = Target(0, "negative", 2.0, 0.88), Target(1, "positive", 0.0, 0.12)
TITLES = {
    "lrp": "LRP",
    "integrated_gradients": "Integrated gradients",
    "occlusion": "Occlusion",
    "shap": "SHAP",
    "gradient_norm": "Gradient norm",
    "attention": "Attention",
    "attention_rollout": "Attention rollout",
}
UNSIGNED = {"gradient_norm", "attention", "attention_rollout"}
BLIND = {"attention", "attention_rollout"}


def tokens_of(text: str, *, output: str = "", special: bool = True) -> tuple[Token, ...]:
    """[CLS], the words and signs of a text, [SEP], and the words of an output."""
    found = [
        Token(m.group(), " " * (m.start() > 0 and text[m.start() - 1] == " "), m.group(), i, m.start(), m.end(), False)
        for i, m in enumerate(re.finditer(r"\w+|[^\w\s]", text))
    ]
    around = [Token("", "", piece, 0, place, place, True) for piece, place in (("[CLS]", 0), ("[SEP]", len(text)))]
    inner = [around[0], *found, around[1]] if special else found
    written = [Token(m.group(), " ", m.group(), 9, m.start(), m.end(), False, Segment.OUTPUT) for m in re.finditer(r"\w+", output)]
    return (*inner, *written)


def explained(
    text: str,
    scores: dict[str, Sequence[float]],
    *,
    task: str = "classification",
    target: Target = NEGATIVE,
    foil: Target | None = None,
    unit: Unit = Unit.LOGIT,
    score: float = 2.0,
    candidates: tuple[Target, ...] = (NEGATIVE, POSITIVE),
    tokens: tuple[Token, ...] | None = None,
    special: tuple[float, float] = (0.0, 0.0),
    titles: dict[str, str] = TITLES,
    steps: tuple[Target, ...] = (),
    outputs: tuple[Target, ...] = (),
    said: str | None = None,
    **more: Any,
) -> Explanation:
    """An explanation with the given scores of the words; special tokens have `special`."""
    read = tokens_of(text) if tokens is None else tokens
    attributions = []
    for method, values in scores.items():
        given, around = iter(values), iter(special)
        full = np.array([next(around, 0.0) if token.special else next(given) for token in read], dtype=np.float64)
        attributions.append(
            Attribution(
                method, Family.EXTERNAL, method not in UNSIGNED, method in BLIND, read, full, target, foil, unit, score, 0.1, 1,
                title=titles.get(method, method), **more,
            )
        )  # fmt: skip
    prediction = Prediction(task, candidates, candidates[0].text if said is None else said, steps)
    return Explanation("model", task, text, read, prediction, target, foil, unit, tuple(attributions), outputs)


@dataclass
class Band:
    deletion: Array
    deletion_low: Array
    insertion: Array
    insertion_high: Array


@dataclass
class BandWithAreas(Band):
    areas: Array


@dataclass
class Named:
    name: str
    comprehensiveness: float
    sufficiency: float


@dataclass
class Measured:
    """Faithfulness in which 0 and 1 of `overall` are areas of 0 and 1; random orders reach at most `edge`."""

    values: dict[str, float]
    edge: float = 0.4
    areas: Sequence[float] | None = None
    curves: list[Named] = field(init=False)

    def __post_init__(self) -> None:
        self.curves = [Named(name, value, -value) for name, value in self.values.items()]

    @property
    def random(self) -> Band:
        deletion, insertion = np.array([0.0, 0, 0, -9]), np.array([-9.0, 0, 0, 0])
        band = (deletion, np.array([0, -self.edge, -self.edge, -9]), insertion, np.array([-9, self.edge, self.edge, 0]))
        return Band(*band) if self.areas is None else BandWithAreas(*band, np.array([[value, -value] for value in self.areas]))

    def overall(self, curve: Any) -> float:
        return float((curve.comprehensiveness - curve.sufficiency) / 2)
