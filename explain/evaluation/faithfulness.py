"""Faithfulness: does the answer follow the tokens that a method calls important?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explain.errors import InputError
from explain.evaluation.curves import Curve, RandomBand, curve_of
from explain.evaluation.features import features_of
from explain.evaluation.labels import Labelled, MethodLabel, labels_of
from explain.evaluation.orders import best_order, importance_order, random_orders, width_within
from explain.models.perturbation import Granularity, PerturbedScore, Replacement
from explain.models.score import Score, margin
from explain.results import Attribution
from explain.tokens import sum_over
from explain.types import Array, Unit

MOST_FEATURES = 100
MOST_ORDERS = 200
WIDEST_BEAM = 64
SEARCH_LIMIT = 1000
NOISE = 1e-6


@dataclass(frozen=True)
class FaithfulnessSettings:
    """How features are taken away to measure faithfulness.

    Attributes:
        replacement: What takes a token's place.
        granularity: Take away tokens, or words (which have the sum of their tokens' scores).
        orders: How many random orders, 2 to 200.
        beam: Width of the two beam searches, 1 to 64; each scores about beam x n² / 2 inputs for n features.
        seed: Of the random orders.
        limit: About how many inputs each beam search may score. A text that needs more gets a narrower beam, down to a greedy search;
            beyond that (n > 44 with the default) each step tries only the features that count most alone. The bounds are then looser,
            but still no method is outside them.

    Raises:
        InputError: A number is out of bounds.
    """

    replacement: Replacement = Replacement.AUTO
    granularity: Granularity = Granularity.WORDS
    orders: int = 20
    beam: int = 4
    seed: int = 0
    limit: int = SEARCH_LIMIT

    def __post_init__(self) -> None:
        if not 2 <= self.orders <= MOST_ORDERS or not 1 <= self.beam <= WIDEST_BEAM:
            raise InputError(
                f"From 2 to {MOST_ORDERS} random orders and a beam of 1 to {WIDEST_BEAM} are needed, "
                f"got {self.orders} orders and a beam of {self.beam}."
            )
        if self.limit < 1:
            raise InputError(f"The limit of the search must be at least 1 input, got {self.limit}.")


DEFAULT = FaithfulnessSettings()


@dataclass(frozen=True)
class Faithfulness(Labelled):
    """How faithful the methods are on one text.

    Attributes:
        labels: The methods.
        features: What is taken away, in the order of the text [n].
        granularity: Tokens or words.
        replacement: What takes its place.
        curves: One per method.
        best: The order with the largest comprehensiveness that was found.
        worst: That with the smallest; read backwards it is the order with the best sufficiency.
        random: Random orders.
        beam: Width of the beam that was used: the one asked for, or a narrower one for a long text.
        evaluations: Different inputs that went through the model.
        seconds: Wall-clock time.
    """

    labels: tuple[MethodLabel, ...]
    features: tuple[str, ...]
    granularity: str
    replacement: str
    curves: tuple[Curve, ...]
    best: Curve
    worst: Curve
    random: RandomBand
    beam: int
    evaluations: int
    seconds: float

    def __getitem__(self, method: str) -> Curve:
        for curve in self.curves:
            if curve.name == method:
                return curve
        raise KeyError(f"No method {method!r} here; there are {', '.join(curve.name for curve in self.curves)}.")

    @property
    def best_insertion(self) -> Array:
        """The insertion curve with the best sufficiency that was found: the worst order of deletion, backwards."""
        return self.worst.deletion[::-1]

    def normalised_comprehensiveness(self, curve: Curve) -> float:
        """0 for the mean of the random orders and 1 for the best order found, by construction; negative is worse than random.

        NaN where no order is better than another. `between_bounds` is the normalisation of the paper.
        """
        return self._share(
            curve.comprehensiveness - self.random.comprehensiveness, self.best.comprehensiveness - self.random.comprehensiveness
        )

    def normalised_sufficiency(self, curve: Curve) -> float:
        """The same for sufficiency, turned so that larger is better: 1 is the order that recovers the score soonest."""
        return self._share(self.random.sufficiency - curve.sufficiency, self.random.sufficiency - self.worst.comprehensiveness)

    def between_bounds(self, curve: Curve) -> float:
        """Comprehensiveness from 0 (worst order found) to 1 (best): normalised AOPC of Edin et al., 2025."""
        return self._share(
            curve.comprehensiveness - self.worst.comprehensiveness, self.best.comprehensiveness - self.worst.comprehensiveness
        )

    def overall(self, curve: Curve) -> float:
        """Mean of normalised comprehensiveness and normalised sufficiency; methods are ranked by it."""
        return (self.normalised_comprehensiveness(curve) + self.normalised_sufficiency(curve)) / 2

    def _share(self, part: float, whole: float) -> float:
        """A part of the whole; NaN where the whole is no more than rounding errors of the model."""
        return part / whole if abs(whole) > NOISE * max(1.0, abs(float(self.best.deletion[0]))) else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; what is not defined is `None`."""
        random = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(self.random).items()}
        return {
            "features": list(self.features),
            "granularity": self.granularity,
            "replacement": self.replacement,
            "methods": {curve.name: {"title": self.titles[curve.name], **self._curve(curve)} for curve in self.curves},
            "best": self._curve(self.best),
            "worst": self._curve(self.worst),
            "random": random,
            "best_insertion": self.best_insertion.tolist(),
            "beam": self.beam,
            "evaluations": self.evaluations,
            "seconds": self.seconds,
        }

    def _curve(self, curve: Curve) -> dict[str, Any]:
        normalised = {
            "normalised_comprehensiveness": self.normalised_comprehensiveness(curve),
            "normalised_sufficiency": self.normalised_sufficiency(curve),
            "between_bounds": self.between_bounds(curve),
            "overall": self.overall(curve),
        }
        return {
            "order": list(curve.order),
            "deletion": curve.deletion.tolist(),
            "insertion": curve.insertion.tolist(),
            "comprehensiveness": curve.comprehensiveness,
            "sufficiency": curve.sufficiency,
            **{name: None if np.isnan(value) else value for name, value in normalised.items()},
        }


def faithfulness(score: Score, attributions: Sequence[Attribution], settings: FaithfulnessSettings = DEFAULT) -> Faithfulness:
    """Take the features away in the order of each method, most important first, and bring them back in the same order.

    The most important feature is the one with the largest score towards the target; of a method without a sign, the largest score. Bounds
    are the mean of random orders and the best and worst orders that a beam search finds; the methods' and the random orders and their
    reverses are candidates too, so that no method is outside the bounds. All inputs of all orders go through the model once, in
    batches. Taking tokens away makes texts that the model never saw (Hase et al., 2021, arXiv:2106.00786); the mask token and the
    attention mask disturb it least.

    Sources: DeYoung et al., 2020 (arXiv:1911.03429) for comprehensiveness and sufficiency; Edin et al., 2025 (arXiv:2408.08137) for
    bounds by beam search.

    Args:
        score: What is explained.
        attributions: What the methods say of it.
        settings: How features are taken away.

    Raises:
        InputError: There is no method, the scores answer another question, or there are fewer than two features or more than 100.
        UnsupportedError: The tokenizer has no token for the replacement.
    """
    started = time.perf_counter()
    groups = features_of(score.encoding, settings.granularity)
    _check(attributions, score, len(groups))
    value = PerturbedScore(score.recounted(), groups, settings.replacement)
    by_method = [importance_order(sum_over(groups, a.scores)) for a in attributions]
    by_chance = random_orders(len(groups), settings.orders, np.random.default_rng(settings.seed))
    both_ways = [*by_chance, *(order[::-1] for order in by_chance)]
    known = [curve_of(value, "", order) for order in [*by_method, *(order[::-1] for order in by_method), *both_ways]]
    searched = [best_order(value, len(groups), settings.beam, largest=largest, limit=settings.limit) for largest in (True, False)]
    found = [curve_of(value, "", order) for order in searched]
    candidates = sorted([*known, *found], key=lambda curve: curve.comprehensiveness)
    return Faithfulness(
        labels=labels_of(attributions),
        features=tuple(group.text for group in groups),
        granularity=settings.granularity.value,
        replacement=value.replacement.value,
        curves=tuple(curve_of(value, a.method, order) for a, order in zip(attributions, by_method, strict=True)),
        best=curve_of(value, "best found", candidates[-1].order),
        worst=curve_of(value, "worst found", candidates[0].order),
        random=RandomBand.of(known[-len(both_ways) :]),
        beam=width_within(len(groups), settings.beam, settings.limit),
        evaluations=value.score.passes,
        seconds=time.perf_counter() - started,
    )


def _asked(answered: Attribution | Score) -> tuple[int, int | None, Unit]:
    return answered.target.index, None if answered.foil is None else answered.foil.index, answered.unit


def _check(attributions: Sequence[Attribution], score: Score, features: int) -> None:
    if not attributions:
        raise InputError("There is no method to evaluate. Choose at least one.")
    for attribution in attributions:
        steps = 1 if attribution.step_scores is None else len(attribution.step_scores)
        if steps > 1:
            raise InputError(
                f"Faithfulness follows the score of one output token, but the scores of {attribution.method} are the sum over {steps}. "
                "Choose one step."
            )
        if attribution.tokens != score.encoding.tokens:
            raise InputError(f"The scores of {attribution.method} belong to other tokens than the question. Explain this question first.")
        if _asked(attribution) != _asked(score):  # not the logits: another pass rounds them otherwise
            raise InputError(
                f"The scores of {attribution.method} explain {margin(attribution.target, attribution.foil)} ({attribution.unit}), but the "
                f"question is {margin(score.target, score.foil)} ({score.unit}). Explain this question first."
            )
    if not 2 <= features <= MOST_FEATURES:
        raise InputError(f"Faithfulness needs 2 to {MOST_FEATURES} tokens or words, got {features}. Give a longer or a shorter text.")
