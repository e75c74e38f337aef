"""No claim is wrong: random scores, and two hundred sentences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from explained import NEGATIVE, POSITIVE, TITLES, UNSIGNED, Measured, explained, tokens_of
from recomputed import check

from explain.results import Explanation
from explain.summary import Verdict, summarise
from explain.types import Unit

LEXICON = "good bad film plot actor very not never dull bright the a was is and but , . !".split()


def random_explanation(rng: np.random.Generator) -> tuple[Explanation, Measured | None]:
    """Scores from several moulds: shared signal with noise, unrelated, tied, zero."""
    text = " ".join(rng.choice(LEXICON, int(rng.integers(1, 13))))
    methods = list(rng.choice(list(TITLES), int(rng.integers(1, len(TITLES) + 1)), replace=False))
    count = sum(not token.special for token in tokens_of(text))
    signal = rng.normal(size=count) ** 3
    scores: dict[str, Any] = {}
    for method in methods:
        mould = rng.choice(["signal", "signal", "noise", "rough", "zero", "flat"], p=[0.35, 0.25, 0.15, 0.15, 0.05, 0.05])
        values = {
            "signal": signal + rng.normal(size=count) * rng.choice([0.01, 0.1, 0.5]),
            "noise": rng.normal(size=count),
            "rough": rng.integers(-2, 3, count).astype(float),
            "zero": np.zeros(count),
            "flat": np.full(count, rng.normal()),
        }[mould] * rng.choice([0.001, 0.2, 1.0, 30.0])
        scores[method] = np.abs(values) if method in UNSIGNED else values
    foil = POSITIVE if rng.random() < 0.3 else None
    unit = Unit(rng.choice(list(Unit)))
    candidates = (NEGATIVE, POSITIVE) if rng.random() < 0.6 else (POSITIVE, NEGATIVE)
    found = explained(
        text, scores, foil=foil, unit=unit, score=float(rng.normal()), candidates=candidates, special=tuple(rng.normal(size=2))
    )
    if rng.random() < 0.5:
        return found, None
    values = {method: math.nan if rng.random() < 0.05 else float(rng.uniform(-0.5, 1)) for method in methods if rng.random() < 0.8}
    areas = rng.normal(size=40) * 0.3 if rng.random() < 0.5 else None
    return found, Measured(values, edge=float(rng.uniform(0.2, 0.8)), areas=areas)


def test_every_claim_about_random_scores_is_right() -> None:
    rng = np.random.default_rng(0)
    seen: dict[Verdict, int] = dict.fromkeys(Verdict, 0)
    for _ in range(600):
        explanation, faithfulness = random_explanation(rng)
        summary = summarise(explanation, faithfulness)
        check(explanation, summary, faithfulness)
        seen[summary.verdict] += 1
    assert min(seen[v] for v in Verdict if v not in (Verdict.NO_WORDS, Verdict.NO_METHODS)) > 3
    assert seen[Verdict.DECIDED] > 200


OPENINGS = ["the film", "this book", "the second act", "her performance", "the plot", "the music", "a comedy that", "the ending"]
VERBS = ["is", "was", "is not", "was never", "seems", "is hardly"]
JUDGEMENTS = ["good", "dull", "a delight", "a mess", "wonderful", "very bad", "quite touching", "too long", "brilliant and warm", "boring"]
ENDINGS = [".", ", but the actors saved it.", " and I would see it again!", ", though nobody laughed.", " from start to finish.", ""]


def test_every_claim_about_a_hundred_sentences_is_right() -> None:
    from explain import TokenExplainer

    rng = np.random.default_rng(12)
    every = [f"{o} {v} {j}{e}" for o in OPENINGS for v in VERBS for j in JUDGEMENTS for e in ENDINGS]
    explainer = TokenExplainer.from_pretrained("distilbert-mini", task="classification")
    named = 0
    for number_, place in enumerate(rng.choice(len(every), 100, replace=False)):
        asked = {"target": "positive", "foil": "negative"} if number_ % 2 else {}
        found = explainer.analyze(every[place], methods=["lrp", "input_x_gradient", "attention", "occlusion"], **asked)
        summary = found.summary()
        check(found, summary)
        named += summary.verdict is Verdict.DECIDED
    assert named > 50


def test_every_claim_with_measured_faithfulness_is_right() -> None:
    from explain import TokenExplainer
    from explain.evaluation import faithfulness
    from explain.methods.catalog import make_methods

    explainer = TokenExplainer.from_pretrained("distilbert-mini", task="classification")
    for text in ("The film was not good, but the actors saved it.", "A dull plot and a long film!", "It was a delight to watch."):
        analysis = explainer.ask(text)
        found = analysis.explanation([analysis.run(method) for method in make_methods(["lrp", "input_x_gradient", "attention"])])
        measured = faithfulness(analysis.scores[0], found.attributions)
        summary = found.summary(measured)
        check(found, summary, measured)
        assert len(summary.faithful) == 3
        assert 0 < summary.chance < 1.5
