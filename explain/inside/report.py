"""What a look inside finds for one question, gathered: attention received, heads and layers off, and layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explain.errors import UnsupportedError
from explain.inside.critical_heads import AblationCurve, cumulative, over_texts
from explain.inside.layers import attention_by_layer, gradient_x_activation, value_zeroing_by_layer
from explain.inside.lens import Lens, lens
from explain.intervals import Interval
from explain.methods.head_ablation import Ablation, AblationResult, Head, head_effects
from explain.methods.layer_ablation import layer_effects
from explain.models.instrumented import InstrumentedModel
from explain.models.score import Score
from explain.types import Array, listed

CURVE_HEADS = 24


@dataclass(frozen=True)
class AblationReport:
    """Every head off by itself, every layer skipped by itself, and the most critical heads off together.

    Attributes:
        heads: Effects [L, H] by group.
        layers: Effects [L] by stack; `None` where the model shares one layer among all depths.
        curve: The answer when the most critical heads go off one after the other.
    """

    heads: AblationResult
    layers: AblationResult | None
    curve: AblationCurve

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; `ranked` lists every head, the most critical first."""
        return {
            "score": self.heads.score,
            "probability": self.heads.probability,
            "heads": _result(self.heads),
            "layers": None if self.layers is None else _result(self.layers),
            "ranked": [_head(head, self.heads) for head in self.heads.ranked],
            "cumulative": {
                "heads": [_name(head) for head in self.curve.heads],
                "scores": self.curve.scores.tolist(),
                "probabilities": listed(self.curve.probabilities),
                "changed": [bool(value) for value in self.curve.changed],
            },
        }


@dataclass(frozen=True)
class LayerReport:
    """Layer by layer: the answer read early, and which tokens matter.

    Attributes:
        attention: [L, n]; does not know the target.
        value_zeroing: [L, n]; does not know the target. `None` where the model shares one layer among all depths, as are the next two.
        gradient: Gradient x activation by stack, [L + 1, n].
        lens: The answer after each layer.
    """

    attention: Array
    value_zeroing: Array | None
    gradient: Mapping[str, Array] | None
    lens: Lens | None

    def gradient_rows(self, tokens: int) -> Array | None:
        """Gradient x activation of every read token, [L + 1, tokens]: an encoder's over the input, its decoder's over the prefix.

        A stack that is less deep than the other ends in NaN.
        """
        if self.gradient is None:
            return None
        first, *others = self.gradient.values()
        if first.shape[1] == tokens:
            return first
        sides = (first, others[-1])
        depth = max(map(len, sides))
        return np.hstack([np.pad(side, ((0, depth - len(side)), (0, 0)), constant_values=np.nan) for side in sides])

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        read = self.lens
        return {
            "attention": self.attention.tolist(),
            "value_zeroing": None if self.value_zeroing is None else self.value_zeroing.tolist(),
            "gradient_x_activation": None if self.gradient is None else {name: rows.tolist() for name, rows in self.gradient.items()},
            "lens": None
            if read is None
            else {
                "stack": read.stack,
                "logits": read.logits.tolist(),
                "log_probabilities": listed(read.log_probabilities),
                "probabilities": listed(read.probabilities),
                "candidates": list(read.candidates),
                "texts": list(read.texts),
            },
        }


@dataclass(frozen=True)
class TextsReport:
    """Effects of heads [L, H] and layers [L] by group, averaged over texts with bootstrap intervals over them.

    `layers` is `None` where the model shares one layer among all depths.
    """

    texts: int
    heads: Mapping[str, Interval]
    layers: Mapping[str, Interval] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "texts": self.texts,
            "heads": {group: interval.to_dict() for group, interval in self.heads.items()},
            "layers": None if self.layers is None else {group: interval.to_dict() for group, interval in self.layers.items()},
        }


def ablation_report(score: Score, ablation: Ablation = Ablation.ZERO, *, curve_heads: int = CURVE_HEADS) -> AblationReport:
    """All heads and layers off one at a time, then the `curve_heads` most critical heads together, most critical first.

    Raises:
        UnsupportedError: The model hides its attention.
    """
    heads, layers = _effects(score, ablation)
    return AblationReport(heads, layers, cumulative(score, heads.ranked[:curve_heads], ablation))


def ablation_over_texts(scores: Sequence[Score], ablation: Ablation = Ablation.ZERO, *, seed: int = 0) -> TextsReport:
    """The mean effect of every head and layer over several texts.

    Raises:
        InputError: There is no text.
        UnsupportedError: The model hides its attention.
    """
    found = [_effects(score, ablation) for score in scores]
    skipped = [layers for _, layers in found if layers is not None]
    return TextsReport(
        len(found), over_texts([heads for heads, _ in found], seed=seed), over_texts(skipped, seed=seed) if skipped else None
    )


def layer_report(score: Score) -> LayerReport:
    """The lens and all views of tokens by layer.

    Raises:
        UnsupportedError: The model hides its attention.
    """
    _require_attention(score.model)
    attention = attention_by_layer(score)
    try:
        read = lens(score)
    except UnsupportedError:
        return LayerReport(attention, None, None, None)
    return LayerReport(attention, value_zeroing_by_layer(score), gradient_x_activation(score), read)


def received(weights: Array) -> Array:
    """The attention that every key receives, averaged over layers, heads and the queries that can see it: [..., q, k] -> [k]."""
    flat = weights.reshape(-1, *weights.shape[-2:])
    seen = np.maximum((flat > 0).any(0).sum(0), 1)
    return np.asarray(flat.mean(0).sum(0) / seen)


def _effects(score: Score, ablation: Ablation) -> tuple[AblationResult, AblationResult | None]:
    _require_attention(score.model)
    heads = head_effects(score, ablation)
    try:
        return heads, layer_effects(score)
    except UnsupportedError:
        return heads, None


def _require_attention(model: InstrumentedModel) -> None:
    if not model.attention_groups:
        raise UnsupportedError(
            f"{model.name} does not let its attention be seen, so nothing inside can be switched off or read layer by layer. "
            "Methods that look from outside work."
        )


def _result(result: AblationResult) -> dict[str, Any]:
    return {
        group: {
            "effect": result.effect[group].tolist(),
            "probability": listed(result.probability_effect[group]),
            "flips": result.flips[group].tolist(),
        }
        for group in result.effect
    }


def _head(head: Head, result: AblationResult) -> dict[str, Any]:
    at = (head.layer, head.index)
    return {**_name(head), "effect": float(result.effect[head.group][at]), "flips": bool(result.flips[head.group][at])}


def _name(head: Head) -> dict[str, Any]:
    return {"group": head.group, "layer": head.layer, "head": head.index}
