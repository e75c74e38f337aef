"""From what a visitor wants evaluated to results, text by text; no torch context is open while it yields."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from explain.analysis import Analysis
from explain.errors import InputError
from explain.evaluation import (
    Agreement,
    ExaminedItem,
    Faithfulness,
    FaithfulnessSettings,
    MeanAgreement,
    Randomisation,
    agreement,
    evidence_items,
    faithfulness,
    iter_ground_truth,
    iter_randomisation,
)
from explain.evaluation.features import features_of
from explain.interface.limits import limits
from explain.interface.work.budget import ask, check_length, check_passes, faithfulness_passes, passes_of
from explain.interface.work.explaining import explainer_of
from explain.interface.zero_gpu import on_gpu
from explain.methods.catalog import make_methods
from explain.results import Explanation
from explain.sharing.request import Request


@dataclass(frozen=True)
class Evaluated:
    """One text: its explanation, how its methods agree (`None` for a single method), and how faithful they are (`None` if not asked)."""

    explanation: Explanation
    agreement: Agreement | None
    faithfulness: Faithfulness | None


def texts_from(typed: str) -> list[str]:
    """One text per line.

    Raises:
        InputError: There is none, or there are too many.
    """
    return check_texts([line.strip() for line in typed.splitlines() if line.strip()])


def check_texts(texts: Sequence[str]) -> list[str]:
    """The texts, if they are as many as one request may have.

    Raises:
        InputError: They are not.
    """
    if not texts:
        raise InputError("There is no text. Give at least one.")
    limits().check("texts", len(texts), "Give fewer texts.")
    return list(texts)


@on_gpu
def iter_evaluation(
    request: Request, texts: Sequence[str], settings: FaithfulnessSettings | None, *, k: int | None = None
) -> Iterator[Evaluated]:
    """Every text by all methods: agreement, and, with `settings`, faithfulness. Of a sequence task the last output token is evaluated."""
    methods = make_methods(request.methods, request.options)
    questions = [dataclasses.replace(request.question, text=text) for text in check_texts(texts)]
    with explainer_of(request) as explainer:
        check_length(explainer, questions)
        longest = ask(explainer, max(questions, key=lambda question: len(question.text)), methods).single()
        check_passes(len(questions) * (passes_of(methods, longest) + _faithfulness_passes(longest, len(methods), settings)))
        for question in questions:
            single = explainer.ask(question, methods=methods).single()
            explanation = single.explanation([single.run(method) for method in methods])
            found = None if settings is None else faithfulness(single.scores[0], explanation.attributions, settings)
            yield Evaluated(explanation, agreement(explanation, k=k) if len(methods) > 1 else None, found)


def agreement_of(results: Sequence[Evaluated]) -> Agreement | MeanAgreement | None:
    """The agreement on one text, or the mean over several."""
    found = [result.agreement for result in results if result.agreement is not None]
    return None if not found else found[0] if len(found) == 1 else MeanAgreement.of(found)


@on_gpu
def iter_randomised(request: Request, seed: int = 0) -> Iterator[Randomisation]:
    """The stages of randomised weights so far, after each."""
    methods = make_methods(request.methods, request.options)
    with explainer_of(request) as explainer:
        single = ask(explainer, request.question, methods).single()
        parts = 3 + sum(explainer.model.attention_groups.values())
        check_passes(parts * passes_of(methods, single))
        stages = []
        for stage in iter_randomisation(explainer, request.question, methods, seed=seed):
            stages.append(stage)
            yield Randomisation.of(stages)


@on_gpu
def iter_examined(request: Request) -> Iterator[list[ExaminedItem]]:
    """The sentences with known evidence examined so far, after each."""
    methods = make_methods(request.methods, request.options)
    with explainer_of(request) as explainer:
        items = evidence_items(explainer.model)
        first = explainer.ask(items[0].text, target=items[0].target, foil=items[0].foil, methods=methods)
        check_passes(len(items) * passes_of(methods, first))
        results: list[ExaminedItem] = []
        for result in iter_ground_truth(explainer, methods, items=items):
            results.append(result)
            yield results


def _faithfulness_passes(analysis: Analysis, methods: int, settings: FaithfulnessSettings | None) -> int:
    if settings is None:
        return 0
    features = len(features_of(analysis.scores[0].encoding, settings.granularity))
    return faithfulness_passes(features, methods + settings.orders, settings.beam, settings.limit)
