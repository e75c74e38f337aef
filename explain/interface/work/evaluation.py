"""From what a visitor wants evaluated to results, text by text; no torch context is open while it yields."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from explain.errors import InputError
from explain.evaluation.agreement import Agreement, MeanAgreement, agreement, mean_agreement
from explain.evaluation.faithfulness import Faithfulness, faithfulness
from explain.evaluation.ground_truth import Examined, examine
from explain.evaluation.randomisation import Randomisation, Stage, randomisation
from explain.interface.work.explaining import analysis_of, explainer_of
from explain.interface.zero_gpu import on_gpu
from explain.methods.catalog import make_methods
from explain.models.perturbation import Granularity, Replacement
from explain.results import Explanation
from explain.sharing.request import Request

MOST_TEXTS = 50


@dataclass(frozen=True)
class Removal:
    """How tokens are taken away to measure faithfulness."""

    replacement: Replacement = Replacement.AUTO
    players: Granularity = Granularity.WORDS
    orders: int = 20
    beam: int = 4
    seed: int = 0


@dataclass(frozen=True)
class Evaluated:
    """One text: its explanation, how its methods agree (`None` for a single method), and how faithful they are (`None` if not asked)."""

    explanation: Explanation
    agreement: Agreement | None
    faithfulness: Faithfulness | None


def texts_from(typed: str) -> list[str]:
    """One text per line.

    Raises:
        InputError: There is none, or more than 50.
    """
    return check_texts([line.strip() for line in typed.splitlines() if line.strip()])


def check_texts(texts: Sequence[str]) -> list[str]:
    """The texts, if they are 1 to 50.

    Raises:
        InputError: They are not.
    """
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise InputError(f"Give 1 to {MOST_TEXTS} texts, one per line, got {len(texts)}.")
    return list(texts)


@on_gpu
def iter_evaluation(request: Request, texts: Sequence[str], removal: Removal | None, *, k: int | None = None) -> Iterator[Evaluated]:
    """Every text by all methods: agreement, and, with `removal`, faithfulness. Of a sequence task the last output token is evaluated."""
    methods = make_methods(request.methods, request.options)
    for text in check_texts(texts):
        question = dataclasses.replace(request.question, text=text)
        with analysis_of(dataclasses.replace(request, question=question), methods) as analysis:
            single = analysis.single()
            explanation = single.explanation([single.run(method) for method in methods])
            found = None if removal is None else faithfulness(single.scores[0], explanation.attributions, **vars(removal))
        yield Evaluated(explanation, agreement(explanation, k=k) if len(methods) > 1 else None, found)


def agreement_of(results: Sequence[Evaluated]) -> Agreement | MeanAgreement | None:
    """The agreement on one text, or the mean over several."""
    found = [result.agreement for result in results if result.agreement is not None]
    return None if not found else found[0] if len(found) == 1 else mean_agreement(found)


@on_gpu
def iter_randomisation(request: Request, seed: int = 0) -> Iterator[Randomisation]:
    """The stages so far, after each."""
    stages: list[Stage] = []
    with analysis_of(request) as analysis:
        single = analysis.single()
        players = sum(not token.special for token in single.scores[0].encoding.tokens)
        for stage in randomisation(single, request.methods, options=request.options, seed=seed):
            stages.append(stage)
            yield Randomisation(tuple(stages), players)


@on_gpu
def iter_ground_truth(request: Request) -> Iterator[list[Examined]]:
    """The sentences with known evidence examined so far, after each."""
    results: list[Examined] = []
    with explainer_of(request) as explainer:
        for result in examine(explainer, request.methods, options=request.options):
            results.append(result)
            yield results
