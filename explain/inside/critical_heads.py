"""Critical heads: what happens when many heads are off together, and over many texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch

from explain.errors import InputError
from explain.intervals import SAMPLES, Interval, bootstrap
from explain.methods.head_ablation import Ablation, AblationResult, Gate, Head, Means, head_means
from explain.methods.method import Method
from explain.models.architectures import AttentionSite
from explain.models.reading import Answers
from explain.models.score import Score
from explain.models.trace import Trace
from explain.results import Attribution
from explain.types import Array


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


def cumulative(score: Score, order: Sequence[Head], ablation: Ablation = Ablation.ZERO) -> AblationCurve:
    """Switch off the heads of an order one after the other, each step a row of a batch.

    Raises:
        InputError: A head does not exist here.
    """
    means = head_means(score) if ablation is Ablation.MEAN else None
    off = gates(score.trace, order)
    step = score.rows_per_batch()
    parts = []
    for start in range(0, len(order) + 1, step):
        rows = min(step, len(order) + 1 - start)
        with score.model.instruments.attention(Gate({site: steps[start : start + rows] for site, steps in off.items()}, means)):
            parts.append(score.answers(rows))
    found = Answers.joined(parts, np.concatenate)
    before = score.answers_of(score.trace.logits).candidates[0]
    changed = np.asarray(found.candidates != before, dtype=np.float64)
    return AblationCurve(tuple(order), found.scores, found.probabilities, changed)


def ablated_attribution(score: Score, method: Method, heads: Sequence[Head], ablation: Ablation = Ablation.ZERO) -> AblatedAttribution:
    """Any method's scores with the heads off, and how they differ from its normal ones.

    Raises:
        InputError: A head does not exist here.
    """
    normal = method.attribute(score)
    with switched_off(score, heads, ablation):
        ablated = method.attribute(score.anew())
    return AblatedAttribution(normal, ablated, ablated.scores - normal.scores)


def switched_off(score: Score, heads: Sequence[Head], ablation: Ablation = Ablation.ZERO) -> AbstractContextManager[None]:
    """Within, these heads are off in every pass; ask `score.anew()`, which remembers nothing from before.

    Raises:
        InputError: A head does not exist here.
    """
    means: Means | None = head_means(score) if ablation is Ablation.MEAN else None
    off = {site: steps[-1:] for site, steps in gates(score.trace, heads).items()}
    return score.model.instruments.attention(Gate(off, means))


def over_texts(results: Sequence[AblationResult], *, samples: int = SAMPLES, seed: int = 0) -> Mapping[str, Interval]:
    """Mean effect of every head (or layer) over the results of several texts, by group, with a bootstrap interval over the texts.

    Raises:
        InputError: There is no result.
    """
    if not results:
        raise InputError("There are no texts to average over. Give at least one.")
    return {group: bootstrap(np.stack([r.effect[group] for r in results]), samples=samples, seed=seed) for group in results[0].effect}


def gates(trace: Trace, order: Sequence[Head]) -> dict[AttentionSite, torch.Tensor]:
    """By site, which heads are off after k = 0 … K heads of the order: [K + 1, H] of bool; a head without an index is all of its layer.

    Raises:
        InputError: A head does not exist here.
    """
    off: dict[AttentionSite, torch.Tensor] = {}
    for step, head in enumerate(order, start=1):
        site = AttentionSite(head.group, head.layer)
        count = trace.outputs[site].shape[2] if site in trace.outputs else 0
        if not count or (head.index is not None and not 0 <= head.index < count):
            known = ", ".join(
                f"{group} ({len(sites)} layers, {trace.outputs[sites[0]].shape[2]} heads)" for group, sites in trace.sites.items()
            )
            raise InputError(f"There is no head {head.index} in layer {head.layer} of {head.group!r}. There are: {known}, counted from 0.")
        mask = off.setdefault(site, torch.zeros(len(order) + 1, count, dtype=torch.bool))
        mask[step:, slice(None) if head.index is None else head.index] = True
    return off
