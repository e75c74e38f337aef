"""What the fillers of a template's slot do to the score, as a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.errors import InputError
from explain.evaluation.labels import Labelled, MethodLabel
from explain.intervals import SAMPLES, Interval, bootstrap
from explain.types import Array, listed

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ProbedText:
    """One filled template and what was found about it.

    Attributes:
        target: What is explained, as it was given.
        frame: The template with all slots filled but the probed one, which reads "…".
        filler: What stands in the probed slot.
        text: The filled text.
        score: The explained score.
        probability: The target's probability; `None` where the model gives none.
        labels: The methods.
        attributions: Method -> sum of the scores of the filler's tokens.
    """

    target: str
    frame: str
    filler: str
    text: str
    score: float
    probability: float | None
    labels: tuple[MethodLabel, ...]
    attributions: Mapping[str, float]


@dataclass(frozen=True)
class TemplateProbe(Labelled):
    """What the fillers of a slot do to the score of one target.

    Attributes:
        target: What is explained.
        frames: The frames, each filled with every filler.
        fillers: In the order of the first template.
        scores: [frames, fillers] explained scores.
        effects: [frames, fillers] scores minus the mean over all fillers in the same frame.
        effect: Mean of the effects over the frames [fillers] with a bootstrap interval over frames; its ends are NaN with one frame.
        labels: The methods.
        attributions: [methods, frames, fillers] sums of the scores of the filler's tokens.
        attribution: Method -> mean over the frames [fillers] with the same kind of interval.
    """

    target: str
    frames: tuple[str, ...]
    fillers: tuple[str, ...]
    scores: Array
    effects: Array
    effect: Interval
    labels: tuple[MethodLabel, ...]
    attributions: Array
    attribution: Mapping[str, Interval]

    @classmethod
    def of(cls, results: Sequence[ProbedText], *, samples: int = SAMPLES, seed: int = 0) -> TemplateProbe:
        """The means over the frames of what `iter_template` found.

        Raises:
            InputError: There is no result, or a frame lacks a filler.
        """
        frames = tuple(dict.fromkeys(result.frame for result in results))
        fillers = tuple(dict.fromkeys(result.filler for result in results))
        found = {(result.frame, result.filler): result for result in results}
        if not results or len(found) != len(frames) * len(fillers):
            raise InputError(f"{len(results)} texts do not fill {len(frames)} frames with {len(fillers)} fillers each. Probe them all.")
        table = [[found[frame, filler] for filler in fillers] for frame in frames]
        methods = tuple(results[0].attributions)
        scores = np.array([[result.score for result in row] for row in table], dtype=np.float64)
        effects = scores - scores.mean(1, keepdims=True)
        attributions = np.array([[[result.attributions[m] for result in row] for row in table] for m in methods], dtype=np.float64)
        return cls(
            target=results[0].target,
            frames=frames,
            fillers=fillers,
            scores=scores,
            effects=effects,
            effect=bootstrap(effects, samples=samples, seed=seed),
            labels=results[0].labels,
            attributions=attributions.reshape(len(methods), *scores.shape),
            attribution={m: bootstrap(values, samples=samples, seed=seed) for m, values in zip(methods, attributions, strict=True)},
        )

    @property
    def note(self) -> str:
        """How far the means can be trusted, in words."""
        if len(self.frames) == 1:
            return "One frame only: there is no interval. Give more templates to see whether the effect holds in other sentences."
        return f"Means over {len(self.frames)} frames with 95 % bootstrap intervals over the frames."

    def to_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "target": self.target,
            "frames": list(self.frames),
            "fillers": list(self.fillers),
            "scores": listed(self.scores),
            "effects": listed(self.effects),
            "effect": self.effect.to_dict(),
            "methods": list(self.methods),
            "titles": self.titles,
            "attributions": listed(self.attributions),
            "attribution": {method: interval.to_dict() for method, interval in self.attribution.items()},
            "note": self.note,
        }

    def to_frame(self) -> pd.DataFrame:
        """One row per filler: mean score, effect with its interval, and each method's mean attribution."""
        import pandas as pd

        columns: dict[str, Any] = {
            "filler": self.fillers,
            "score": self.scores.mean(0),
            "effect": self.effect.mean,
            "low": self.effect.low,
            "high": self.effect.high,
        }
        return pd.DataFrame(columns | {method: interval.mean for method, interval in self.attribution.items()})
