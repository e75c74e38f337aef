"""Which tokens made the model say that? Explanations of Transformer predictions from inside and outside the model.

The public names are imported when they are first used, so that `import explain` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explain.analysis import Analysis as Analysis
    from explain.dataset.findings import concordance as concordance
    from explain.dataset.findings import findings as findings
    from explain.dataset.findings import side_by_side as side_by_side
    from explain.dataset.reader import Run as Run
    from explain.dataset.run import explain_dataset as explain_dataset
    from explain.errors import ExplainError as ExplainError
    from explain.errors import InputError as InputError
    from explain.errors import ModelError as ModelError
    from explain.errors import ModelNotFoundError as ModelNotFoundError
    from explain.errors import StoppedError as StoppedError
    from explain.errors import StorageError as StorageError
    from explain.errors import TargetError as TargetError
    from explain.errors import TextTooLongError as TextTooLongError
    from explain.errors import UnknownMethodError as UnknownMethodError
    from explain.errors import UnsafeModelError as UnsafeModelError
    from explain.errors import UnsupportedError as UnsupportedError
    from explain.evaluation import FaithfulnessSettings as FaithfulnessSettings
    from explain.evaluation import agreement as agreement
    from explain.evaluation import attribute_context as attribute_context
    from explain.evaluation import evaluate_agreement as evaluate_agreement
    from explain.evaluation import evaluate_faithfulness as evaluate_faithfulness
    from explain.evaluation import faithfulness as faithfulness
    from explain.evaluation import ground_truth as ground_truth
    from explain.evaluation import randomisation_check as randomisation_check
    from explain.explainer import TokenExplainer as TokenExplainer
    from explain.messages import Document as Document
    from explain.messages import Message as Message
    from explain.messages import Span as Span
    from explain.methods.attention import AttentionWeights as AttentionWeights
    from explain.methods.attention_flow import AttentionFlow as AttentionFlow
    from explain.methods.attention_rollout import AttentionRollout as AttentionRollout
    from explain.methods.catalog import METHODS as METHODS
    from explain.methods.catalog import add_method as add_method
    from explain.methods.gradient_norm import GradientNorm as GradientNorm
    from explain.methods.head_ablation import HeadAblation as HeadAblation
    from explain.methods.input_x_gradient import InputXGradient as InputXGradient
    from explain.methods.integrated_gradients import IntegratedGradients as IntegratedGradients
    from explain.methods.layer_ablation import LayerAblation as LayerAblation
    from explain.methods.lrp import LRP as LRP
    from explain.methods.method import Method as Method
    from explain.methods.method import MethodResult as MethodResult
    from explain.methods.occlusion import Occlusion as Occlusion
    from explain.methods.option import option as option
    from explain.methods.shapley import Shapley as Shapley
    from explain.methods.value_zeroing import ValueZeroing as ValueZeroing
    from explain.models.explained_model import ExplainedModel as ExplainedModel
    from explain.models.loading import load_model as load_model
    from explain.models.perturbation import Granularity as Granularity
    from explain.models.perturbation import Replacement as Replacement
    from explain.models.score import Score as Score
    from explain.models.tasks import TASKS as TASKS
    from explain.models.tasks import Task as Task
    from explain.models.tasks import add_task as add_task
    from explain.prompts import compare_answers as compare_answers
    from explain.prompts import compare_prompts as compare_prompts
    from explain.prompts import minimal_pair as minimal_pair
    from explain.prompts import probe_template as probe_template
    from explain.prompts import read_prompts as read_prompts
    from explain.prompts import track_keywords as track_keywords
    from explain.results import Attribution as Attribution
    from explain.results import Explanation as Explanation
    from explain.segments import SegmentScores as SegmentScores
    from explain.summary import Summary as Summary
    from explain.types import Encoding as Encoding
    from explain.types import Family as Family
    from explain.types import Prediction as Prediction
    from explain.types import Question as Question
    from explain.types import Segment as Segment
    from explain.types import Target as Target
    from explain.types import Token as Token
    from explain.types import Unit as Unit

__version__ = "0.2.0"

_NAMES = {
    "explain.analysis": ("Analysis",),
    "explain.dataset.findings": ("concordance", "findings", "side_by_side"),
    "explain.dataset.reader": ("Run",),
    "explain.dataset.run": ("explain_dataset",),
    "explain.errors": (
        "ExplainError",
        "InputError",
        "ModelError",
        "ModelNotFoundError",
        "StoppedError",
        "StorageError",
        "TargetError",
        "TextTooLongError",
        "UnknownMethodError",
        "UnsafeModelError",
        "UnsupportedError",
    ),
    "explain.evaluation": (
        "FaithfulnessSettings",
        "agreement",
        "attribute_context",
        "evaluate_agreement",
        "evaluate_faithfulness",
        "faithfulness",
        "ground_truth",
        "randomisation_check",
    ),
    "explain.explainer": ("TokenExplainer",),
    "explain.messages": ("Document", "Message", "Span"),
    "explain.methods.attention": ("AttentionWeights",),
    "explain.methods.attention_flow": ("AttentionFlow",),
    "explain.methods.attention_rollout": ("AttentionRollout",),
    "explain.methods.catalog": ("METHODS", "add_method"),
    "explain.methods.gradient_norm": ("GradientNorm",),
    "explain.methods.head_ablation": ("HeadAblation",),
    "explain.methods.input_x_gradient": ("InputXGradient",),
    "explain.methods.integrated_gradients": ("IntegratedGradients",),
    "explain.methods.layer_ablation": ("LayerAblation",),
    "explain.methods.lrp": ("LRP",),
    "explain.methods.method": ("Method", "MethodResult"),
    "explain.methods.option": ("option",),
    "explain.methods.occlusion": ("Occlusion",),
    "explain.methods.shapley": ("Shapley",),
    "explain.methods.value_zeroing": ("ValueZeroing",),
    "explain.models.explained_model": ("ExplainedModel",),
    "explain.models.loading": ("load_model",),
    "explain.models.perturbation": ("Granularity", "Replacement"),
    "explain.models.score": ("Score",),
    "explain.models.tasks": ("TASKS", "Task", "add_task"),
    "explain.prompts": ("compare_answers", "compare_prompts", "minimal_pair", "probe_template", "read_prompts", "track_keywords"),
    "explain.results": ("Attribution", "Explanation"),
    "explain.segments": ("SegmentScores",),
    "explain.summary": ("Summary",),
    "explain.types": ("Encoding", "Family", "Prediction", "Question", "Segment", "Target", "Token", "Unit"),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
