"""From what a visitor wants compared over prompts to results, prompt by prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from explain.errors import InputError
from explain.interface.work.explaining import explainer_of
from explain.interface.zero_gpu import on_gpu
from explain.models.perturbation import Replacement
from explain.prompts.comparison import PromptComparison, PromptResult, compare_prompts
from explain.prompts.keywords import KeywordTracking, track
from explain.prompts.reading import Prompt, read_prompts
from explain.prompts.slots import Slot, expand, parse
from explain.prompts.templates import Probed, probe_texts
from explain.sharing.request import Request


def prompts_from(typed: str, read: Sequence[Prompt] = ()) -> tuple[Prompt, ...]:
    """One prompt per line, with slots filled in; what was read from a file keeps its targets while its texts stand unchanged.

    Raises:
        InputError: There are fewer than two or more than fifty, or a template is wrong.
    """
    lines = lines_of(typed)
    if read and [prompt.text for prompt in read] == lines:
        return tuple(read)
    filled = [text for line in lines for text in ([f.text for f in expand(line)] if has_slots(line) else [line])]
    return read_prompts("\n".join(filled))


def keywords_from(typed: str) -> list[str]:
    """Words or phrases, separated by commas or lines."""
    return [word.strip() for line in typed.splitlines() for word in line.split(",") if word.strip()]


def lines_of(typed: str) -> list[str]:
    """The lines that are not blank."""
    return [line.strip() for line in typed.splitlines() if line.strip()]


def has_slots(line: str) -> bool:
    """Whether a line is a template.

    Raises:
        InputError: A template is wrong.
    """
    return any(isinstance(piece, Slot) for piece in parse(line))


@on_gpu
def iter_comparison(request: Request, prompts: Sequence[Prompt]) -> Iterator[PromptComparison]:
    """The prompts explained so far, after each."""
    results: list[PromptResult] = []
    with explainer_of(request) as explainer:
        for result in compare_prompts(explainer, prompts, request.methods, **_common(request), options=request.options):
            results.append(result)
            yield PromptComparison(tuple(results))


@on_gpu
def track_keywords(request: Request, comparison: PromptComparison, keywords: Sequence[str], replacement: Replacement) -> KeywordTracking:
    """The keywords through all prompts, with the effect of taking them away."""
    with explainer_of(request) as explainer:
        return track(comparison, keywords, explainer=explainer, replacement=replacement)


@on_gpu
def iter_template(request: Request, templates: Sequence[str]) -> Iterator[list[Probed]]:
    """The texts of the templates that are done, after each; `summarise` says what the fillers do.

    Raises:
        InputError: There is no target, or a template is wrong.
    """
    if request.question.target is None:
        raise InputError("A template probes one target: type the target whose score the fillers change.")
    results: list[Probed] = []
    with explainer_of(request) as explainer:
        for result in probe_texts(explainer, templates, request.methods, **_common(request), options=request.options):
            results.append(result)
            yield results


def _common(request: Request) -> dict[str, Any]:
    """What is asked of every text."""
    return {name: value for name, value in request.question.given.items() if name != "text"}
