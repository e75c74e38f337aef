"""From what a visitor wants compared to results, text by text; no torch context is open while it yields."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from explain.errors import InputError
from explain.evaluation.agreement import Agreement, MeanAgreement, agreement, mean_agreement
from explain.evaluation.faithfulness import Faithfulness, faithfulness
from explain.evaluation.ground_truth import Examined, examine
from explain.evaluation.randomisation import Randomisation, Stage, randomisation
from explain.explainer import TokenExplainer
from explain.interface.work.explaining import asked
from explain.interface.zero_gpu import on_gpu
from explain.methods.catalog import make_methods
from explain.models.perturbation import Granularity, Replacement
from explain.results import Explanation
from explain.sharing.request import Request

MOST_TEXTS = 50


@dataclass(frozen=True)
class RaceOptions:
    """How the race takes tokens away."""

    replacement: Replacement = Replacement.AUTO
    players: Granularity = Granularity.WORDS
    orders: int = 20
    beam: int = 4
    seed: int = 0


@dataclass(frozen=True)
class Compared:
    """One text: its explanation, and how its methods agree; `agreement` is `None` for a single method."""

    explanation: Explanation
    agreement: Agreement | None
    faithfulness: Faithfulness | None


def read_texts(given: str) -> list[str]:
    """One text per line.

    Raises:
        InputError: There is none, or more than 50.
    """
    return check_texts([line.strip() for line in given.splitlines() if line.strip()])


def check_texts(texts: Sequence[str]) -> list[str]:
    """The texts, if they are 1 to 50.

    Raises:
        InputError: They are not.
    """
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise InputError(f"Give 1 to {MOST_TEXTS} texts, one per line, got {len(texts)}.")
    return list(texts)


@on_gpu
def compared(request: Request, texts: Sequence[str], race: RaceOptions | None, *, k: int | None = None) -> Iterator[Compared]:
    """Every text by all methods: agreement, and, with `race`, faithfulness. Of a sequence task the last output token is compared."""
    methods = make_methods(request.methods, request.options)
    for text in check_texts(texts):
        with asked(dataclasses.replace(request, text=text)) as analysis:
            single = analysis.single()
            explanation = single.explanation([single.run(method) for method in methods])
            raced = None
            if race is not None:
                raced = faithfulness(single.model, single.questions[0], explanation.attributions, **vars(race))
        yield Compared(explanation, agreement(explanation, k=k) if len(methods) > 1 else None, raced)


def agreed(results: Sequence[Compared]) -> Agreement | MeanAgreement | None:
    """The agreement of one text, or the mean over several."""
    found = [result.agreement for result in results if result.agreement is not None]
    return None if not found else found[0] if len(found) == 1 else mean_agreement(found)


@on_gpu
def randomised(request: Request, seed: int = 0) -> Iterator[Randomisation]:
    """The stages so far, after each."""
    stages: list[Stage] = []
    with asked(request) as analysis:
        single = analysis.single()
        players = sum(not token.special for token in single.questions[0].encoding.tokens)
        for stage in randomisation(single, request.methods, options=request.options, seed=seed):
            stages.append(stage)
            yield Randomisation(tuple(stages), players)


@on_gpu
def examined(request: Request) -> Iterator[list[Examined]]:
    """The sentences examined so far, after each."""
    results: list[Examined] = []
    with TokenExplainer.from_pretrained(request.model, task=request.task) as explainer:
        for result in examine(explainer, request.methods, options=request.options):
            results.append(result)
            yield results
