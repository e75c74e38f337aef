"""What a request costs is counted before it starts, and held against the limits of this server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from explain.analysis import Analysis
from explain.explainer import TokenExplainer
from explain.interface.limits import limits
from explain.interface.record import note
from explain.methods.method import Method
from explain.models.score import Score
from explain.types import Question

SHORTER = "Give a shorter text."
CHEAPER = "Choose fewer or cheaper methods, fewer texts, or a shorter text."


def ask(explainer: TokenExplainer, question: Question, methods: Sequence[Method] = ()) -> Analysis:
    """The text, read and predicted, if it is not too long for this server.

    Raises:
        InputError: It has too many characters or tokens, or it cannot be read.
    """
    check_length(explainer, [question])
    analysis = explainer.ask(question, methods=methods)
    note(tokens=len(analysis.scores[-1].encoding.tokens))
    return analysis


def check_length(explainer: TokenExplainer, questions: Iterable[Question]) -> None:
    """Raises InputError where a text has too many characters, or too many tokens, before a model reads it."""
    here = limits()
    for question in questions:
        asked = question.to_dict()
        said = [part for name in ("messages", "documents") for each in asked.get(name, ()) for part in each.values()]
        whole = "\n".join([question.text, *said])
        for text in (whole, question.target, question.foil):
            if isinstance(text, str):
                here.check("characters", len(text), SHORTER)
        found = explainer.model.tokenizer(whole, add_special_tokens=False, verbose=False)["input_ids"]
        here.check("tokens", len(found), SHORTER)


def check_passes(passes: int) -> None:
    """Raises InputError where a request needs more forward passes than one may take here."""
    note(expected=passes)
    limits().check("passes", passes, CHEAPER)


class Scored(Protocol):
    """A text, or two answers, ready to be explained."""

    @property
    def scores(self) -> tuple[Score, ...]: ...


def passes_of(methods: Iterable[Method], analysis: Scored) -> int:
    """About how many forward passes the methods take, over all output tokens; a gradient counts as two or three."""
    return sum(method.expected_passes(score) for method in methods for score in analysis.scores)


def faithfulness_passes(features: int, orders: int, beam: int, limit: int) -> int:
    """At most how many inputs the deletion and insertion curves of `orders` orders of `features` tokens or words need, with both searches.

    Each order takes 2 (n - 1) inputs of n features between nothing and all, as do the two orders that are found; a search scores about
    n (n + 1) / 2 for each of its width, or `limit` of them, besides each feature alone.
    """
    searched = max(features, min(limit, beam * features * (features + 1) // 2))
    return 2 + (orders + 2) * 2 * (features - 1) + 2 * (features + searched)
