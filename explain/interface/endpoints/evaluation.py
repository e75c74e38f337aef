"""The endpoints that tell which explanation to believe."""

from __future__ import annotations

from explain.errors import InputError
from explain.evaluation import FaithfulnessRanking, FaithfulnessSettings, GroundTruth
from explain.interface.endpoints.endpoint import Answer, Endpoint, Given
from explain.interface.endpoints.parameters import QUESTION, parameter, parameters
from explain.interface.work.context import context_of
from explain.interface.work.evaluation import agreement_of, iter_evaluation, iter_examined, iter_randomised
from explain.models.perturbation import Granularity, Replacement


def _agreement(given: Given) -> Answer:
    found = agreement_of(list(iter_evaluation(given.request, given["texts"], None, k=given["k"])))
    if found is None:
        raise InputError(f"Agreement compares methods: choose at least two, got {len(given['methods'])}.")
    return found.to_dict()


def _faithfulness(given: Given) -> Answer:
    settings = FaithfulnessSettings(
        Replacement(given["replacement"]), Granularity(given["granularity"]), given["orders"], given["beam"], given["seed"]
    )
    found = [result.faithfulness for result in iter_evaluation(given.request, given["texts"], settings) if result.faithfulness is not None]
    ranking = FaithfulnessRanking.of(found, seed=given["seed"]).to_dict() if len(found) > 1 else None
    return {"texts": [result.to_dict() for result in found], "ranking": ranking}


def _randomisation(given: Given) -> Answer:
    *_, last = iter_randomised(given.request, given["seed"])
    return last.to_dict()


def _ground_truth(given: Given) -> Answer:
    *_, last = iter_examined(given.request)
    return GroundTruth.of(last).to_dict()


def _context(given: Given) -> Answer:
    return context_of(given.request, Granularity(given["segments"]), seed=given["seed"]).to_dict()


ENDPOINTS = (
    Endpoint(
        "context",
        "Which documents, messages or sentences of a chat made the model say each sentence of its answer, judged on random ablations.",
        (
            parameter("messages", needed=True),
            *parameters("documents", "spans", "model", "methods", "target", "unit", "options", "segments", "seed"),
        ),
        _context,
        {"task": "generation"},
    ),
    Endpoint(
        "agreement",
        "Kendall, Spearman, top-k overlap and cosine between all methods; over several texts, means with 95 % intervals.",
        parameters("texts", *QUESTION, "options", "k"),
        _agreement,
    ),
    Endpoint(
        "faithfulness",
        "Deletion and insertion curves of every method on every text; over several texts also means, intervals and a ranking.",
        parameters("texts", *QUESTION, "options", "replacement", "granularity", "orders", "beam", "seed"),
        _faithfulness,
    ),
    Endpoint(
        "randomisation",
        "Rank correlation of every method with its original scores while the weights are randomised from the top down.",
        parameters("text", *QUESTION, "options", "seed"),
        _randomisation,
    ),
    Endpoint(
        "ground_truth",
        "How often each method points to the word that is known to decide: subject-verb agreement and planted keywords.",
        parameters("task", "model", "methods", "options"),
        _ground_truth,
    ),
)
