"""Critical heads: what happens when many heads are off together, and over many texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch

from explain.attention.ablation import Ablation, AblationResult, Gate, Head, Means, head_means
from explain.attention.answers import BaseRun, answers, base_run, joined, rows_of
from explain.errors import InputError
from explain.intervals import SAMPLES, Interval, bootstrap
from explain.method import Method
from explain.models.architectures import AttentionSite
from explain.models.explained_model import ExplainedModel
from explain.types import Array, Attribution, Question


@dataclass(frozen=True)
class AblationCurve:
    """The answer when the first k heads of an order are off, k = 0 … K.

    Attributes:
        heads: The order [K].
        scores: The explained score [K + 1].
        probabilities: The target's probability [K + 1]; NaN where the model gives none.
        changed: Whether the most probable candidate is another one [K + 1].
    """

    heads: tuple[Head, ...]
    scores: Array
    probabilities: Array
    changed: Array


@dataclass(frozen=True)
class AblatedAttribution:
    """One method with all heads on and with some off.

    Attributes:
        normal: All heads on.
        ablated: The chosen heads off.
        difference: Scores of `ablated` minus those of `normal` [n].
    """

    normal: Attribution
    ablated: Attribution
    difference: Array


def cumulative(
    model: ExplainedModel, question: Question, order: Sequence[Head], ablation: Ablation = Ablation.ZERO, *, base: BaseRun | None = None
) -> AblationCurve:
    """Switch off the heads of an order one after the other, each step a row of a batch.

    Raises:
        InputError: A head does not exist here.
    """
    base = base_run(model, question) if base is None else base
    means = head_means(model, base) if ablation is Ablation.MEAN else None
    off = gates(base, order)
    step = rows_of(model, question.encoding)
    parts = []
    for start in range(0, len(order) + 1, step):
        rows = min(step, len(order) + 1 - start)
        with model.instruments.attention(Gate({site: steps[start : start + rows] for site, steps in off.items()}, means)):
            parts.append(answers(model, question, rows))
    found = joined(parts, np.concatenate)
    changed = np.asarray(found.candidates != base.answer.candidates[0], dtype=np.float64)
    return AblationCurve(tuple(order), found.scores, found.probabilities, changed)


def ablated_attribution(
    model: ExplainedModel, question: Question, method: Method, heads: Sequence[Head], ablation: Ablation = Ablation.ZERO
) -> AblatedAttribution:
    """Any method's scores with the heads off, and how they differ from its normal ones.

    Raises:
        InputError: A head does not exist here.
    """
    normal = method.attribute(model, question)
    with switched_off(model, question, heads, ablation):
        ablated = method.attribute(model, question)
    return AblatedAttribution(normal, ablated, ablated.scores - normal.scores)


def switched_off(
    model: ExplainedModel, question: Question, heads: Sequence[Head], ablation: Ablation = Ablation.ZERO
) -> AbstractContextManager[None]:
    """Within, these heads are off in every pass.

    Raises:
        InputError: A head does not exist here.
    """
    base = base_run(model, question)
    means: Means | None = head_means(model, base) if ablation is Ablation.MEAN else None
    return model.instruments.attention(Gate({site: steps[-1:] for site, steps in gates(base, heads).items()}, means))


def over_texts(results: Sequence[AblationResult], *, samples: int = SAMPLES, seed: int = 0) -> Mapping[str, Interval]:
    """Mean effect of every head (or layer) over the results of several texts, by group, with a bootstrap interval over the texts.

    Raises:
        InputError: There is no result.
    """
    if not results:
        raise InputError("There are no texts to average over. Give at least one.")
    return {group: bootstrap(np.stack([r.effect[group] for r in results]), samples=samples, seed=seed) for group in results[0].effect}


def gates(base: BaseRun, order: Sequence[Head]) -> dict[AttentionSite, torch.Tensor]:
    """By site, which heads are off after k = 0 … K heads of the order: [K + 1, H] of bool; a head without an index is all of its layer.

    Raises:
        InputError: A head does not exist here.
    """
    off: dict[AttentionSite, torch.Tensor] = {}
    for step, head in enumerate(order, start=1):
        site = AttentionSite(head.group, head.layer)
        count = base.outputs[site].shape[2] if site in base.outputs else 0
        if not count or (head.index is not None and not 0 <= head.index < count):
            known = ", ".join(
                f"{group} ({len(sites)} layers, {base.outputs[sites[0]].shape[2]} heads)" for group, sites in base.sites.items()
            )
            raise InputError(f"There is no head {head.index} in layer {head.layer} of {head.group!r}. There are: {known}, counted from 0.")
        mask = off.setdefault(site, torch.zeros(len(order) + 1, count, dtype=torch.bool))
        mask[step:, slice(None) if head.index is None else head.index] = True
    return off
