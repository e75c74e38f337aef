"""How faithful an explanation's own methods are on this very text, at a cost that is known before it starts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from explain.evaluation import Faithfulness, FaithfulnessSettings, faithfulness
from explain.evaluation.features import features_of
from explain.interface.work.budget import check_passes, faithfulness_passes
from explain.interface.work.explaining import analysis_of
from explain.interface.zero_gpu import on_gpu
from explain.models.perturbation import Granularity
from explain.models.score import Score
from explain.results import Attribution, Explanation
from explain.sharing.request import Request

SETTINGS = FaithfulnessSettings(granularity=Granularity.WORDS, orders=10, beam=1, limit=150)
MOST_WORDS = 100


@dataclass(frozen=True)
class Verdict:
    """Faithfulness on one text, or why there is none.

    Attributes:
        faithfulness: Of every method of the explanation; `None` where it cannot be measured.
        reason: Why not, in a sentence; empty where it was measured.
    """

    faithfulness: Faithfulness | None
    reason: str = ""


def verdict_passes(explanation: Explanation) -> int:
    """At most how many rows `verdict_faithfulness` sends through the model; 0 where it measures nothing."""
    if _impossible(explanation):
        return 0
    return faithfulness_passes(_words(explanation), len(explanation.attributions) + SETTINGS.orders, SETTINGS.beam, SETTINGS.limit)


@on_gpu
def verdict_faithfulness(request: Request, explanation: Explanation, step: int | None = None) -> Verdict:
    """Measure it with few random orders and a narrow search; words are taken away whole.

    Args:
        request: What was asked.
        explanation: What came of it.
        step: Of several output tokens, which one (from 0); the last if left out.
    """
    reason = _impossible(explanation) if request.measure is None else "Two answers are compared: faithfulness is measured for one."
    if reason:
        return Verdict(None, reason)
    check_passes(verdict_passes(explanation))
    with analysis_of(request) as analysis:
        number = None if step is None or len(analysis.scores) == 1 else step
        score = analysis.single(number).scores[0]
        row = analysis.scores.index(score)
        attributions = [_of_step(attribution, score, row) for attribution in explanation]
        return Verdict(faithfulness(score, attributions, SETTINGS))


def _of_step(attribution: Attribution, score: Score, row: int) -> Attribution:
    """The part of an attribution that belongs to one output token, as the answer to this very question."""
    tokens = score.encoding.tokens
    steps = attribution.step_scores
    scores = attribution.scores if steps is None else steps[row][: len(tokens)]
    return dataclasses.replace(
        attribution, tokens=tokens, scores=scores, step_scores=None, target=score.target, foil=score.foil, unit=score.unit
    )


def _words(explanation: Explanation) -> int:
    return len(features_of(explanation, SETTINGS.granularity))


def _impossible(explanation: Explanation) -> str:
    count = _words(explanation)
    if not explanation.attributions:
        return "Nothing was explained yet."
    if count < 2:
        return "There is one word: nothing to rank."
    if count > MOST_WORDS:
        return f"There are {count} words: faithfulness is measured for up to {MOST_WORDS}."
    return ""
