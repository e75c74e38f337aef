"""The endpoints that compare prompts."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from explain.interface.endpoints.endpoint import Answer, Endpoint, Given
from explain.interface.endpoints.explaining import explanation
from explain.interface.endpoints.parameters import COMPARED, QUESTION, parameter, parameters
from explain.interface.work.prompts import iter_comparison, iter_template, track_keywords
from explain.models.perturbation import Replacement
from explain.prompts import PromptComparison, TemplateProbe, align, method_difference, minimal_pair
from explain.prompts.answers import METHODS, Measure
from explain.types import Question


def _compared(given: Given) -> PromptComparison:
    *_, found = iter_comparison(given.request, [Question(text) for text in given["texts"]])
    return found


def _compare_prompts(given: Given) -> Answer:
    found = _compared(given)
    first, *others = found.explanations
    return {
        **found.to_dict(),
        "alignment": align(found).to_dict(),
        "changes": [minimal_pair(first, other).to_dict() for other in others],
        "paired": [method_difference(found, one, other).to_dict() for one, other in combinations(found.methods, 2)],
    }


def _keywords(given: Given) -> Answer:
    return track_keywords(given.request, _compared(given), given["keywords"], Replacement(given["replacement"])).to_dict()


def _template(given: Given) -> Answer:
    *_, results = iter_template(given.request, given["templates"])
    return TemplateProbe.of(results).to_dict()


ENDPOINTS = (
    Endpoint(
        "compare_answers",
        "One answer rather than another, of any length: what each token of the text or chat does for the one rather than the other.",
        (
            *parameters("text"),
            parameter("target", needed=True, help="an answer"),
            parameter("foil", needed=True, help="the answer it is contrasted with"),
            parameter("task", default="generation"),
            *parameters("model"),
            parameter("methods", default=METHODS, help="names of methods with a sign; by default three of them"),
            replace(COMPARED, default=Measure.MEAN.value),
            *parameters("unit", "options", "by", "messages", "documents", "spans"),
        ),
        explanation,
    ),
    Endpoint(
        "compare_prompts",
        "Two prompts or more explained, aligned word by word; what changes from the first, and methods' concentration paired by prompt.",
        parameters("texts", *QUESTION, "options"),
        _compare_prompts,
    ),
    Endpoint(
        "keywords",
        "Keywords through two prompts or more: summed score, share, rank, and the effect of taking just them away.",
        parameters("texts", "keywords", *QUESTION, "options", "replacement"),
        _keywords,
    ),
    Endpoint(
        "template",
        "Templates such as `The {doctor|nurse} said that [MASK] was late.`: the mean effect of each filler on the target, with intervals.",
        (
            *parameters("templates"),
            parameter("target", needed=True),
            *parameters("foil"),
            parameter("task", default="masked_lm"),
            *parameters("model", "methods", "unit", "options"),
        ),
        _template,
    ),
)
