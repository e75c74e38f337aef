"""Layer ablation: what the answer loses when a layer hands on what it was given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explain.errors import UnsupportedError
from explain.methods.head_ablation import AblationResult, collect
from explain.methods.method import Method, MethodResult
from explain.methods.shares import attention_shares, shares_to_scores
from explain.models.instrumented import InstrumentedModel
from explain.models.reading import Answers
from explain.models.score import Score
from explain.types import Family


@dataclass(frozen=True)
class LayerAblation(Method):
    """Skips every layer on its own (`layer_effects`).

    `maps` holds the result by stack: `effect_self` (fall of the score), `probability_self` and `flips_self`, [layers]; for
    encoder-decoders `_encoder` and `_decoder`. A token's score, in units of the explained score, is the sum over layers of the layer's
    effect times the attention to the token in it, averaged over heads and read as in `HeadAblation`; a decoder layer's effect is
    shared in halves between its self-attention and its cross-attention.

    Raises:
        UnsupportedError: The model hides its attention or shares one layer among all depths.
    """

    name = "layer_ablation"
    title = "Layer ablation"
    summary = "How much the score falls when a layer is skipped, shared among the tokens that the layer looks at."
    caution = "A skipped layer takes its feed-forward part along, which the shares by attention do not see."
    reference = "Veit et al. 2016, arXiv:1605.06431; Zhang et al. 2022, arXiv:1902.01996"
    family = Family.INTERNAL
    signed = True
    needs_attention = True
    reads_trace = True

    def check(self, model: InstrumentedModel) -> None:
        super().check(model)
        require_blocks(model, self.title)

    def expected_passes(self, score: Score) -> int:
        return 1 + sum(score.model.attention_groups.values())

    def compute(self, score: Score) -> MethodResult:
        result = layer_effects(score)
        positions = score.read_positions()
        per_token = {}
        for group, shares in attention_shares(score.trace, positions).items():
            effect = result.effect["decoder" if group == "cross" else group]
            per_token[group] = effect @ shares.mean(1) / (2 if group in ("decoder", "cross") else 1)
        scores = shares_to_scores(per_token, score.encoding)
        return MethodResult(scores, result.score, positions=positions, maps=result.maps)


def layer_effects(score: Score) -> AblationResult:
    """Every layer of every stack skipped on its own: its output is its input; arrays are [L] by stack.

    Raises:
        UnsupportedError: The model shares one layer among all depths.
    """
    require_blocks(score.model, LayerAblation.title)
    trace = score.trace
    found = {}
    for stack, sites in trace.sites.items():
        if stack == "cross":
            continue
        layers = []
        for site in sites:
            entered = trace.layers.inputs[stack, site.layer]
            with trace.resumed(stack, site.layer, 1, entered.__getitem__):
                layers.append(score.answers())
        found[stack] = Answers.joined(layers, np.concatenate)
    return collect(score, found)


def require_blocks(model: InstrumentedModel, title: str) -> None:
    """Raises UnsupportedError where the layers of the model cannot be told apart."""
    blocks = model.instruments.architecture.blocks
    if not blocks or any(group not in blocks for group in model.attention_groups if group != "cross"):
        raise UnsupportedError(
            f"{title} needs layers of their own, but {type(model.model).__name__} uses one layer at every depth. Head ablation works."
        )
