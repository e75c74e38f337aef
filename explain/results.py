"""Results: one attribution per method, and the explanation of one text that holds them.

Scores are float64 numpy arrays, positive towards the target and negative away from it, never normalised. Results carry what they are
(title, summary, caution), so that a view needs nothing but them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from explain.messages import Span, plain
from explain.segments import Granularity, SegmentScores, groups_of, within
from explain.tokens import Word, sum_over
from explain.types import Array, Family, Prediction, Target, Token, Unit

if TYPE_CHECKING:
    import pandas as pd

    from explain.summary import Summary
    from explain.summary.trust import Measured


@dataclass(frozen=True)
class Attribution:
    """The result of one method.

    Attributes:
        method: The method's name.
        family: Internal or external.
        signed: Whether negative scores (away from the target) can occur.
        target_blind: Whether the scores do not depend on the target.
        tokens: All tokens the model read, special tokens included.
        scores: [len(tokens)] float64.
        target: What is explained.
        foil: What it is contrasted with.
        unit: Unit of `output`, and of the scores where the method is in units of the score.
        output: The explained score on the text.
        baseline_output: The explained score on the method's baseline, for complete methods.
        seconds: Wall-clock time.
        passes: Rows sent forward through the model (a gradient pass counts as one).
        gap: |sum(scores) - (output - baseline_output)| for complete methods, relative to |output - baseline_output| or, where the scores
            cancel, to a tenth of the sum of their absolute values.
        tolerance: The largest gap asked for.
        step_scores: [outputs, len(tokens)] for sequence tasks; `scores` is its sum.
        positions: The queries that are explained, for methods that read attention.
        maps: Named raw arrays a view can draw, e.g. "self" -> [layers, heads, queries, keys].
        options: The options the method ran with.
        title: What a person reads for the method; its name if left out.
        summary: What the method computes, in one sentence.
        caution: What its scores do not tell, in one sentence.
    """

    method: str
    family: Family
    signed: bool
    target_blind: bool
    tokens: tuple[Token, ...]
    scores: Array
    target: Target
    foil: Target | None
    unit: Unit
    output: float
    seconds: float
    passes: int
    baseline_output: float | None = None
    gap: float | None = None
    tolerance: float | None = None
    step_scores: Array | None = None
    positions: tuple[int, ...] = ()
    maps: Mapping[str, Array] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    summary: str = ""
    caution: str = ""

    def __post_init__(self) -> None:
        if not self.title:
            object.__setattr__(self, "title", self.method)
        if self.scores.shape != (len(self.tokens),) or self.scores.dtype != np.float64:
            raise ValueError(f"{self.method}: {len(self.tokens)} float64 scores expected, got {self.scores.dtype} {self.scores.shape}.")
        if not np.isfinite(self.scores).all():
            raise ValueError(f"{self.method}: the scores are not finite.")
        if self.step_scores is not None and self.step_scores.shape[1:] != self.scores.shape:
            raise ValueError(f"{self.method}: step scores {self.step_scores.shape} do not fit {self.scores.shape}.")

    @property
    def within_tolerance(self) -> bool:
        """Whether the numerical error is as small as asked (true for methods that have none)."""
        return self.gap is None or self.tolerance is None or self.gap <= self.tolerance

    def to_dict(self, *, maps: bool = False) -> dict[str, Any]:
        """Plain Python for JSON; raw arrays such as attention weights only with `maps`."""
        result: dict[str, Any] = {
            "method": self.method,
            "title": self.title,
            "family": self.family.value,
            "signed": self.signed,
            "target_blind": self.target_blind,
            "tokens": [token.label for token in self.tokens],
            "scores": self.scores.tolist(),
            "target": vars(self.target),
            "foil": None if self.foil is None else vars(self.foil),
            "unit": self.unit.value,
            "output": self.output,
            "baseline_output": self.baseline_output,
            "gap": self.gap,
            "tolerance": self.tolerance,
            "within_tolerance": self.within_tolerance,
            "seconds": self.seconds,
            "passes": self.passes,
            "options": dict(self.options),
        }
        if self.step_scores is not None:
            result["step_scores"] = self.step_scores.tolist()
        if maps:
            result["maps"] = {name: values.tolist() for name, values in self.maps.items()}
        return result


@dataclass(frozen=True)
class Explanation:
    """All that was found about one text: the prediction and one attribution per method."""

    model: str
    task: str
    text: str
    tokens: tuple[Token, ...]
    prediction: Prediction
    target: Target
    foil: Target | None
    unit: Unit
    attributions: tuple[Attribution, ...]
    outputs: tuple[Target, ...] = ()
    spans: tuple[Span, ...] = ()

    def __getitem__(self, method: str) -> Attribution:
        for attribution in self.attributions:
            if attribution.method == method:
                return attribution
        raise KeyError(f"No method {method!r} in this explanation; it has {', '.join(a.method for a in self.attributions)}.")

    def __iter__(self) -> Iterator[Attribution]:
        return iter(self.attributions)

    def summary(self, faithfulness: Measured | None = None) -> Summary:
        """The verdict in words: what decided, which methods agree, and, where `faithfulness` is given, which of them to believe."""
        from explain.summary import summarise

        return summarise(self, faithfulness)

    def by(self, granularity: Granularity | str, *, inside: Word | None = None) -> SegmentScores:
        """Every method's scores summed to segments: tokens, words, sentences, paragraphs, messages, documents or given spans.

        Args:
            granularity: The level; each token belongs to one segment, so that sums are kept.
            inside: Only what lies in this segment of a coarser level.

        Raises:
            InputError: There is no such level, or nothing of its kind in the text.
        """
        groups = groups_of(self, granularity)
        groups = groups if inside is None else within(groups, inside)
        stepwise = {a.method: a.step_scores for a in self.attributions if a.step_scores is not None}
        return SegmentScores(
            Granularity(granularity),
            groups,
            {a.method: sum_over(groups, a.scores) for a in self.attributions},
            {method: sum_over(groups, scores) for method, scores in stepwise.items()},
        )

    def to_dict(self, *, maps: bool = False) -> dict[str, Any]:
        """Plain Python for JSON: text, tokens with offsets, prediction, target, foil, unit and every method's scores."""
        return {
            "model": self.model,
            "task": self.task,
            "text": self.text,
            "tokens": [_token(token) for token in self.tokens],
            "prediction": self.prediction.to_dict(),
            "target": vars(self.target),
            "foil": None if self.foil is None else vars(self.foil),
            "unit": self.unit.value,
            "outputs": [vars(output) for output in self.outputs],
            "methods": {a.method: a.to_dict(maps=maps) for a in self.attributions},
            **({"spans": [{**plain(span), "kind": span.kind.value, "role": span.role} for span in self.spans]} if self.spans else {}),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row per token, one column per method, with the token's text, offsets and whether it is special."""
        import pandas as pd

        columns: dict[str, Any] = {
            "token": [token.label for token in self.tokens],
            "start": [token.start for token in self.tokens],
            "end": [token.end for token in self.tokens],
            "special": [token.special for token in self.tokens],
            "segment": [token.segment.value for token in self.tokens],
        }
        return pd.DataFrame(columns | {a.method: a.scores for a in self.attributions})


def _token(token: Token) -> dict[str, Any]:
    """A token as plain Python; with a role where it is part of a chat's message."""
    values = {**vars(token), "segment": token.segment.value, "label": token.label}
    return values if token.role else {name: value for name, value in values.items() if name != "role"}
