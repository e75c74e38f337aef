"""The columns of a part: one row per text, as `datasets` and pandas read them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from explain.errors import ExplainError
from explain.results import Attribution, Explanation

FLOATS = pa.list_(pa.float64())
TRUST = pa.struct({"gap": pa.float64(), "tolerance": pa.float64(), "refused": pa.string()})


def schema(methods: Sequence[str], *, groups: Sequence[str] = (), faithfulness: bool = False) -> pa.Schema:
    """The columns of a run.

    Args:
        methods: Its methods.
        groups: Attention groups of the model, where the effects of heads are kept.
        faithfulness: Whether it measured how faithful the methods are.
    """
    columns = {
        "row": pa.int64(),
        "text": pa.string(),
        "label": pa.string(),
        "prediction": pa.string(),
        "probability": pa.float64(),
        "target": pa.string(),
        "foil": pa.string(),
        "unit": pa.string(),
        "output": pa.float64(),
        "tokens": pa.list_(pa.string()),
        "before": pa.list_(pa.string()),
        "start": pa.list_(pa.int32()),
        "end": pa.list_(pa.int32()),
        "special": pa.list_(pa.bool_()),
        "segment": pa.list_(pa.string()),
        "scores": pa.struct(dict.fromkeys(methods, FLOATS)),
        "trust": pa.struct(dict.fromkeys(methods, TRUST)),
    }
    if faithfulness:
        columns["faithfulness"] = pa.struct(dict.fromkeys(methods, pa.float64()))
    if groups:
        columns["heads"] = pa.struct(dict.fromkeys(groups, pa.list_(FLOATS)))
    return pa.schema(columns)


@dataclass(frozen=True)
class Explained:
    """One text of a run.

    Attributes:
        row: Its number in the data.
        label: The data's own label.
        explanation: What the methods found.
        output: The explained score.
        refused: Methods that could not explain it, and why.
        faithfulness: How faithful each method is; NaN where that is not defined.
    """

    row: int
    label: str | None
    explanation: Explanation
    output: float
    refused: Mapping[str, ExplainError]
    faithfulness: Mapping[str, float]

    def to_dict(self, columns: pa.Schema) -> dict[str, Any]:
        """The values of these columns."""
        found, tokens = self.explanation, self.explanation.tokens
        known = {attribution.method: attribution for attribution in found}
        values = {
            "row": self.row,
            "text": found.text,
            "label": self.label,
            "prediction": found.prediction.text,
            "probability": _probability(found),
            "target": found.target.text,
            "foil": None if found.foil is None else found.foil.text,
            "unit": found.unit.value,
            "output": self.output,
            "tokens": [token.label for token in tokens],
            "before": [token.before for token in tokens],
            "start": [token.start for token in tokens],
            "end": [token.end for token in tokens],
            "special": [token.special for token in tokens],
            "segment": [token.segment.value for token in tokens],
            "scores": {name: one.scores.tolist() for name, one in known.items()},
            "trust": {name: {"gap": one.gap, "tolerance": one.tolerance} for name, one in known.items()}
            | {name: {"refused": str(error)} for name, error in self.refused.items()},
        }
        if "faithfulness" in columns.names:
            values["faithfulness"] = {name: None if math.isnan(value) else value for name, value in self.faithfulness.items()}
        if "heads" in columns.names:
            values["heads"] = _heads(known.get("head_ablation"))
        return values


def _probability(found: Explanation) -> float | None:
    """Of the prediction: of the whole output for a sequence, else of the first candidate."""
    steps = [step.probability for step in found.prediction.steps] or [found.prediction.candidates[0].probability]
    return None if None in steps else float(np.prod([step for step in steps if step is not None]))


def _heads(found: Attribution | None) -> dict[str, Any] | None:
    """The effect of every head [layers, heads] by group."""
    if found is None:
        return None
    return {name.removeprefix("effect_"): values.tolist() for name, values in found.maps.items() if name.startswith("effect_")}
