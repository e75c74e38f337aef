"""From what a visitor wants compared over prompts to results, prompt by prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from explain import prompts as core
from explain.errors import InputError
from explain.interface.limits import limits
from explain.interface.work.budget import ask, check_length, check_passes, passes_of
from explain.interface.work.explaining import explainer_of
from explain.interface.zero_gpu import on_gpu
from explain.methods.catalog import make_methods
from explain.models.perturbation import Replacement
from explain.prompts import KeywordTracking, ProbedText, PromptComparison, PromptResult, Slot, expand, parse, read_prompts
from explain.sharing.request import Request
from explain.types import Question

FEWER = "Give fewer prompts, or fewer fillers."


def prompts_from(typed: str, read: Sequence[Question] = ()) -> tuple[Question, ...]:
    """One prompt per line, with slots filled in; what was read from a file keeps its targets while its texts stand unchanged.

    Raises:
        InputError: There are too few or too many, or a template is wrong.
    """
    lines = lines_from(typed)
    if read and [question.text for question in read] == lines:
        return tuple(read)
    filled = [text for line in lines for text in ([f.text for f in expand(line)] if has_slots(line) else [line])]
    return read_prompts("\n".join(filled))


def keywords_from(typed: str) -> list[str]:
    """Words or phrases, separated by commas or lines."""
    return [word.strip() for line in typed.splitlines() for word in line.split(",") if word.strip()]


def lines_from(typed: str) -> list[str]:
    """The lines that are not blank."""
    return [line.strip() for line in typed.splitlines() if line.strip()]


def has_slots(line: str) -> bool:
    """Whether a line is a template.

    Raises:
        InputError: A template is wrong.
    """
    return any(isinstance(piece, Slot) for piece in parse(line))


@on_gpu
def iter_comparison(request: Request, prompts: Sequence[Question]) -> Iterator[PromptComparison]:
    """The prompts explained so far, after each."""
    limits().check("texts", len(prompts), FEWER)
    methods = make_methods(request.methods, request.options)
    asked = [Question.of(prompt, **_common(request)) for prompt in prompts]
    results: list[PromptResult] = []
    with explainer_of(request) as explainer:
        check_length(explainer, asked)
        if asked:
            check_passes(len(asked) * passes_of(methods, ask(explainer, max(asked, key=lambda prompt: len(prompt.text)), methods)))
        for result in core.iter_prompts(explainer, asked, methods):
            results.append(result)
            yield PromptComparison(tuple(results))


@on_gpu
def track_keywords(request: Request, comparison: PromptComparison, keywords: Sequence[str], replacement: Replacement) -> KeywordTracking:
    """The keywords through all prompts, with the effect of taking them away."""
    limits().check("keywords", len(keywords), "Give fewer keywords.")
    check_passes(len(comparison) * (2 + len(keywords)) * max([1, *(len(explanation.outputs) for explanation in comparison)]))
    with explainer_of(request) as explainer:
        return core.track_keywords(comparison, keywords, explainer=explainer, replacement=replacement)


@on_gpu
def iter_template(request: Request, templates: Sequence[str]) -> Iterator[list[ProbedText]]:
    """The texts of the templates that are done, after each; `TemplateProbe.of` says what the fillers do.

    Raises:
        InputError: There is no target, or a template is wrong.
    """
    if request.question.target is None:
        raise InputError("A template probes one target: type the target whose score the fillers change.")
    here = limits()
    methods = make_methods(request.methods, request.options)
    filled = [Question(text.text, **_common(request)) for template in templates for text in expand(template, limit=here.fillings)]
    here.check("fillings", len(filled), FEWER)
    results: list[ProbedText] = []
    with explainer_of(request) as explainer:
        check_length(explainer, filled)
        if filled:
            check_passes(len(filled) * passes_of(methods, ask(explainer, max(filled, key=lambda text: len(text.text)), methods)))
        for result in core.iter_template(explainer, templates, methods, limit=here.fillings, **_common(request)):
            results.append(result)
            yield results


def _common(request: Request) -> dict[str, Any]:
    """What is asked of every text."""
    return {name: value for name, value in request.question.given.items() if name != "text"}
