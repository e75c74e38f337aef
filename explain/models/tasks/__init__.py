"""The tasks, and which of them a loaded model answers."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedModel
from transformers.models.auto import modeling_auto

from explain.errors import InputError, UnsupportedError
from explain.models.tasks.classification import Classification, LabelWords
from explain.models.tasks.embedding import Embedding
from explain.models.tasks.generation import Generation
from explain.models.tasks.masked_lm import MaskedLM
from explain.models.tasks.next_token import NextToken
from explain.models.tasks.span_infilling import SpanInfilling
from explain.models.tasks.task import Task

TASKS: dict[str, type[Task]] = {
    "masked_lm": MaskedLM,
    "classification": Classification,
    "next_token": NextToken,
    "span_infilling": SpanInfilling,
    "generation": Generation,
    "embedding": Embedding,
}

ANSWERS: dict[str, tuple[str, ...]] = {
    "masked_lm": ("masked_lm", "embedding"),
    "classification": ("classification", "embedding"),
    "next_token": ("next_token", "generation", "embedding"),
    "generation": ("generation", "span_infilling", "classification", "embedding"),
    "embedding": ("embedding",),
}
"""What a head made for one task answers besides; an encoder-decoder's classifies by label words."""

_HEADS: tuple[tuple[str, str], ...] = (
    ("MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES", "classification"),
    ("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES", "generation"),
    ("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "next_token"),
    ("MODEL_FOR_MASKED_LM_MAPPING_NAMES", "masked_lm"),
    ("MODEL_MAPPING_NAMES", "embedding"),
)


def detect(class_name: str) -> str:
    """The task that a transformers model class is made for.

    Raises:
        UnsupportedError: None of ours.
    """
    for mapping, task in _HEADS:
        names = getattr(modeling_auto, mapping).values()
        if any(class_name == name or (isinstance(name, tuple) and class_name in name) for name in names):
            return task
    raise UnsupportedError(f"{class_name} has no head that can be explained. Supported: {', '.join(TASKS)}.")


def make_task(name: str, model: PreTrainedModel, *, labels: Sequence[str] = (), prefix: str | None = None) -> Task:
    """The task called `name` for this model; classification by a text-to-text model goes by label words.

    Raises:
        InputError: There is no such task.
        UnsupportedError: The model has no head for it.
    """
    if name not in TASKS:
        raise InputError(f"The task {name!r} is not known. Choose one of: {', '.join(TASKS)}.")
    own = detect(type(model).__name__)
    if name not in ANSWERS[own]:
        raise UnsupportedError(
            f"{type(model).__name__} cannot do {name}: it has a head for {own}. "
            f"Load the model with {' or '.join(TASKS[name].auto_classes)}, or choose one of: {', '.join(ANSWERS[own])}."
        )
    if name == "classification" and own == "generation":
        return LabelWords(tuple(labels), prefix)
    return TASKS[name]()


__all__ = ["ANSWERS", "TASKS", "Task", "detect", "make_task"]
