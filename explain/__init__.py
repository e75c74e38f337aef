"""Which tokens made the model say that? Explanations of Transformer predictions from inside and outside the model."""

from __future__ import annotations

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
from explain.explainer import Analysis, TokenExplainer
from explain.method import Method
from explain.methods import METHODS
from explain.models.explained_model import ExplainedModel
from explain.models.loading import load_model
from explain.types import Attribution, Explanation, Family, Prediction, Segment, Target, Token, Unit

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
