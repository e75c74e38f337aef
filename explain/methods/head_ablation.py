"""Head ablation: what the answer loses without one attention head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from explain.methods.method import Method, MethodResult
from explain.methods.option import option
from explain.methods.shares import attention_shares, shares_to_scores
from explain.models.architectures import AttentionSite
from explain.models.probes import AttentionProbe
from explain.models.reading import Answers
from explain.models.score import Score
from explain.models.trace import stack_of
from explain.types import Array, Family

Means = Mapping[AttentionSite, Tensor]


class Ablation(StrEnum):
    """What a head gives once it is off."""

    ZERO = "zero"
    MEAN = "mean"


@dataclass(frozen=True)
class Head:
    """One attention head; `index` is None where a whole layer is meant."""

    group: str
    layer: int
    index: int | None = None


@dataclass(frozen=True)
class AblationResult:
    """What switching off each head (or layer) changes; arrays are [L, H] (or [L]) by group.

    Attributes:
        score: The explained score with everything on.
        probability: The target's probability with everything on, `None` where the model gives none.
        candidate: Index of the most probable candidate with everything on.
        effect: Fall of the score, in its unit: positive where the head speaks for the target.
        probability_effect: Fall of the target's probability; NaN where the model gives none.
        flips: Whether another candidate becomes the most probable.
    """

    score: float
    probability: float | None
    candidate: int
    effect: Mapping[str, Array]
    probability_effect: Mapping[str, Array]
    flips: Mapping[str, npt.NDArray[np.bool_]]

    @property
    def ranked(self) -> tuple[Head, ...]:
        """Heads (or layers), the most critical (largest fall of the score) first."""
        falls = [(fall, Head(group, *map(int, at))) for group, values in self.effect.items() for at, fall in np.ndenumerate(values)]
        return tuple(head for _, head in sorted(falls, key=lambda pair: -pair[0]))

    @property
    def maps(self) -> dict[str, Array]:
        """Named arrays for views: effect_GROUP, flips_GROUP (0 or 1) and, where there is one, probability_GROUP."""
        maps = {f"effect_{group}": values for group, values in self.effect.items()}
        if self.probability is not None:
            maps |= {f"probability_{group}": values for group, values in self.probability_effect.items()}
        return maps | {f"flips_{group}": values.astype(np.float64) for group, values in self.flips.items()}


@dataclass(frozen=True)
class HeadAblation(Method):
    """Switches off every attention head on its own (`head_effects`).

    `maps` holds the result by group: `effect_self` (fall of the score) and `probability_self` [layers, heads], `flips_self` (1 where
    the answer changes); for encoder-decoders `_encoder`, `_decoder` and `_cross`. A token's score, in units of the explained score, is
    the sum over heads of the head's effect times the head's attention from the explained position to the token; encoder heads are
    read from the positions that the explained one attends to across. It is a way to show heads on the text: a head that matters
    at another position is credited to what the explained position sees in it.

    Raises:
        UnsupportedError: The model hides its attention.
    """

    name = "head_ablation"
    title = "Head ablation"
    summary = "How much the score falls when an attention head is off, shared among the tokens that the head looks at."
    caution = "Heads are switched off one at a time: two that do the same work hide each other."
    reference = "Michel et al. 2019, arXiv:1905.10650; Voita et al. 2019, arXiv:1905.09418"
    family = Family.INTERNAL
    signed = True
    needs_attention = True
    reads_trace = True

    ablation: Ablation = option(Ablation.ZERO, "A head that is off gives zero, or its mean over the positions of the text.")

    def expected_passes(self, score: Score) -> int:
        heads = int(getattr(score.model.model.config, "num_attention_heads", 1))
        return 1 + round(heads * resumed_passes(score.model.attention_groups))

    def compute(self, score: Score) -> MethodResult:
        result = head_effects(score, self.ablation)
        positions = score.read_positions()
        shares = attention_shares(score.trace, positions)
        per_token = {group: np.einsum("lh,lhn->n", effect, shares[group]) for group, effect in result.effect.items()}
        scores = shares_to_scores(per_token, score.encoding)
        return MethodResult(scores, result.score, positions=positions, maps=result.maps)


def resumed_passes(groups: Mapping[str, int]) -> float:
    """How many whole passes it takes to send a row from every layer of every group (their numbers of layers) to the end."""
    layers = {group: count for group, count in groups.items() if group != "cross"}
    left = {group: sum(list(layers.values())[place:]) for place, group in enumerate(layers)}
    left["cross"] = left.get("decoder", 0)
    return sum(left[group] - layer for group, count in groups.items() for layer in range(count)) / max(1, sum(layers.values()))


class Gate(AttentionProbe):
    """Switches heads off: by site, which heads [B or 1, H] give zero or their mean [H, d]."""

    outputs_only = True

    def __init__(self, off: Mapping[AttentionSite, Tensor], means: Means | None = None) -> None:
        self._off = off
        self._means = means

    def output(self, site: AttentionSite, output: Tensor) -> Tensor:
        off = self._off.get(site)
        if off is None:
            return output
        instead = torch.zeros_like(output[:1, :1]) if self._means is None else self._means[site].to(output)
        return torch.where(off.to(output.device)[:, None, :, None], instead, output)


def head_effects(score: Score, ablation: Ablation = Ablation.ZERO, *, reference: Sequence[Score] = ()) -> AblationResult:
    """Every head of every group off on its own.

    The heads of a layer are rows of a batch that starts from the hidden states below this layer.

    Args:
        score: What is explained.
        ablation: Zero or mean.
        reference: Texts over whose positions the mean is taken; the explained text if empty.

    Raises:
        UnsupportedError: Layers of one group differ in heads.
    """
    score.trace.check_alike()
    means = head_means(score, reference) if ablation is Ablation.MEAN else None
    found = {
        group: Answers.joined([_of_site(score, site, means) for site in sites], np.stack) for group, sites in score.trace.sites.items()
    }
    return collect(score, found)


def collect(score: Score, found: Mapping[str, Answers]) -> AblationResult:
    """The result of answers shaped [L, H] or [L] by group, against the one answer with everything on."""
    base = score.answers_of(score.trace.logits)
    value, probability, candidate = base.scores[0], base.probabilities[0], base.candidates[0]
    return AblationResult(
        score=float(value),
        probability=None if np.isnan(probability) else float(probability),
        candidate=int(candidate),
        effect={group: value - values.scores for group, values in found.items()},
        probability_effect={group: probability - values.probabilities for group, values in found.items()},
        flips={group: values.candidates != candidate for group, values in found.items()},
    )


def _of_site(score: Score, site: AttentionSite, means: Means | None) -> Answers:
    """Answers [H], each without one head of a site."""
    trace, instruments = score.trace, score.model.instruments
    heads = trace.outputs[site].shape[2]
    step = score.rows_per_batch()
    parts = []
    for start in range(0, heads, step):
        off = torch.eye(heads, dtype=torch.bool)[start : start + step]  # [B, H]
        with trace.resumed(stack_of(site), site.layer - 1, len(off)), instruments.attention(Gate({site: off}, means)):
            parts.append(score.answers(len(off)))
    return Answers.joined(parts, np.concatenate)


def head_means(score: Score, reference: Sequence[Score] = ()) -> dict[AttentionSite, Tensor]:
    """Mean output [H, d] of every head over the positions of the text, or of the reference texts together."""
    runs = [other.trace.outputs for other in reference or (score,)]
    return {site: torch.cat([run[site][0] for run in runs]).mean(0) for site in score.trace.outputs}
