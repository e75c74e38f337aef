"""The endpoints that compare prompts."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from explain.errors import InputError
from explain.interface.endpoints.evaluation import Options, one_of, request_of
from explain.interface.work.prompting import compared, probed, tracked
from explain.models.perturbation import Replacement
from explain.prompts.alignment import align
from explain.prompts.minimal_pair import minimal_pair
from explain.prompts.paired import method_difference
from explain.prompts.reading import Prompt
from explain.prompts.templates import summarise


def compare_prompts(
    texts: list[str],
    task: str = "classification",
    model: str | None = None,
    methods: list[str] | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    options: Options | None = None,
) -> dict[str, Any]:
    """Two to fifty prompts explained, aligned word by word; what changes from the first, and methods' concentration paired by prompt."""
    request = request_of(task, texts, model, methods, target, foil, unit, options)
    *_, found = compared(request, [Prompt(text) for text in texts])
    first, *others = found.explanations
    return {
        **found.to_dict(),
        "alignment": align(found).to_dict(),
        "changes": [minimal_pair(first, other).to_dict() for other in others],
        "paired": [method_difference(found, one, other).to_dict() for one, other in combinations(found.methods, 2)],
    }


def keywords(
    texts: list[str],
    keywords: list[str],
    task: str = "classification",
    model: str | None = None,
    methods: list[str] | None = None,
    target: str | None = None,
    foil: str | None = None,
    unit: str | None = None,
    options: Options | None = None,
    replacement: str = "auto",
) -> dict[str, Any]:
    """Keywords through two to fifty prompts: summed score, share, rank, and the effect of taking just them away."""
    request = request_of(task, texts, model, methods, target, foil, unit, options)
    *_, found = compared(request, [Prompt(text) for text in texts])
    return tracked(request, found, keywords, one_of(Replacement, replacement)).to_dict()


def template(
    templates: list[str],
    target: str,
    foil: str | None = None,
    task: str = "masked_lm",
    model: str | None = None,
    methods: list[str] | None = None,
    unit: str | None = None,
    options: Options | None = None,
) -> dict[str, Any]:
    """Templates such as `The {doctor|nurse} said that [MASK] was late.`: the mean effect of each filler on the target, with intervals."""
    if not templates:
        raise InputError("There is no template. Give at least one, such as: The {doctor|nurse} said that [MASK] was late.")
    *_, results = probed(request_of(task, templates, model, methods, target, foil, unit, options), "\n".join(templates))
    return summarise(results, target=target).to_dict()
