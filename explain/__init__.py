"""Which tokens made the model say that? Explanations of Transformer predictions from inside and outside the model."""

from __future__ import annotations

from explain.analysis import Analysis
from explain.errors import (
    ExplainError,
    InputError,
    ModelError,
    ModelNotFoundError,
    StoppedError,
    TargetError,
    TextTooLongError,
    UnknownMethodError,
    UnsafeModelError,
    UnsupportedError,
)
from explain.explainer import TokenExplainer
from explain.methods.catalog import METHODS
from explain.methods.method import Method
from explain.models.explained_model import ExplainedModel
from explain.models.loading import load_model
from explain.results import Attribution, Explanation
from explain.types import Family, Prediction, Segment, Target, Token, Unit

__version__ = "0.1.0"

__all__ = [
    "METHODS",
    "Analysis",
    "Attribution",
    "ExplainError",
    "ExplainedModel",
    "Explanation",
    "Family",
    "InputError",
    "Method",
    "ModelError",
    "ModelNotFoundError",
    "Prediction",
    "Segment",
    "StoppedError",
    "Target",
    "TargetError",
    "TextTooLongError",
    "Token",
    "TokenExplainer",
    "Unit",
    "UnknownMethodError",
    "UnsafeModelError",
    "UnsupportedError",
    "load_model",
]
